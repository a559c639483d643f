# From the lines of memory, stats and crowd to a table of what they say in the end.

function field(name,    at, rest) {
    at = index(" " $0, " " name "=")
    if (!at)
        return ""
    rest = substr(" " $0, at + length(name) + 2)
    sub(/ .*/, "", rest)
    return rest
}

BEGIN {
    print "| | |\n|---|---:|"
    text["queued"] = "bytes for each of %d tasks in the backlog"
    text["queued-future"] = "bytes for each of %d tasks in the backlog whose futures are kept"
    text["ended-future"] = "bytes for each of %d futures kept after their tasks have ended"
    text["nothing"] = "allocations for each of %d tasks that came and went"
    text["briefly"] = "allocations for each of %d tasks whose results were taken"
}

field("workload") == "memory" {
    number = field("bytes") != "" ? sprintf("%.0f", field("bytes")) : field("allocations") + 0
    printf "| " text[field("kept")] " | %s |\n", field("n"), number
}

field("workload") == "stats" && field("median_cost_percent") != "" {
    printf "| a thread that takes snapshots without pause, %s, costs the worker | %.1f %% (%.1f–%.1f) |\n",
        (field("task_ns") + 0 ? "tasks of " field("task_ns") " ns" : "empty tasks"),
        field("median_cost_percent"), field("least"), field("most")
}

field("workload") == "crowd" && field("throughput_ratio") != "" {
    split(field("submitters"), crowd, "/")
    printf "| throughput of %d submitters ÷ that of %d, %s | %s |\n", crowd[1], crowd[2],
        (field("policy") == "block" ? "waiting at the limit" : "refused at the limit"),
        field("throughput_ratio")
    printf "| the longest a submission of theirs was held up by others | %s ms |\n", field("held_up_ms")
}
