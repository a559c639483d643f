# From the lines of bench/run to tables: for each cell and program the median of the passes, with the
# least and the most; and weir divided by each other program, pass by pass.

function field(name,    at, rest) {
    at = index($0, " " name "=")
    if (!at)
        return ""
    rest = substr($0, at + length(name) + 2)
    sub(/ .*/, "", rest)
    return rest
}

# Sort list[1..n]; sets least, middle, most.
function spread(list, n,    i, j, held) {
    for (i = 2; i <= n; i++) {
        held = list[i]
        for (j = i - 1; j > 0 && list[j] > held; j--)
            list[j + 1] = list[j]
        list[j + 1] = held
    }
    least = list[1]
    most = list[n]
    middle = n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# What is said of a workload: a key of the lines, its unit and scale, digits, and whether more of it
# is better.
function measure(workload, key, unit, scale, digits, more) {
    of_workload[workload, ++measures[workload]] = key
    unit_of[workload, key] = unit
    scale_of[workload, key] = scale
    digits_of[workload, key] = digits
    more_of[workload, key] = more
}

BEGIN {
    measure("post", "ops_per_s", "Mtasks/s", 1e-6, 2, 1)
    measure("future", "ops_per_s", "Mtasks/s", 1e-6, 2, 1)
    measure("nested", "ops_per_s", "Mtasks/s", 1e-6, 2, 1)
    measure("process", "ops_per_s", "ktasks/s", 1e-3, 1, 1)
    measure("work", "efficiency", "efficiency", 1, 3, 1)
    measure("pingpong", "p50_ns", "µs, p50", 1e-3, 2, 0)
    measure("pingpong", "p99_ns", "µs, p99", 1e-3, 2, 0)
    measure("roundtrip", "p50_ns", "µs, p50", 1e-3, 2, 0)
    measure("roundtrip", "p99_ns", "µs, p99", 1e-3, 2, 0)
    measure("payload", "p50_ns", "µs, p50", 1e-3, 1, 0)
    measure("payload", "p99_ns", "µs, p99", 1e-3, 1, 0)
    measure("start", "p50_ns", "ms, p50", 1e-6, 2, 0)
    measure("respawn", "p50_ns", "ms, p50", 1e-6, 2, 0)
    measure("backlog", "ns_per_task", "ns a task", 1, 0, 0)
    measure("bounded", "ns_per_reject", "ns a refusal", 1, 1, 0)
    measure("bounded", "accepted_per_s", "Mtasks/s taken", 1e-6, 2, 1)
    measure("reject", "ns_per_reject", "ns a refusal", 1, 1, 0)
}

{
    match($0, /cell="[^"]*"/)
    cell = substr($0, 7, RLENGTH - 7)
    name = field("peer")
    pass = field("pass")
    split(cell, word, " ")
    if (!(cell in workload_of)) {
        workload_of[cell] = word[1]
        cells[++cell_count] = cell
    }
    if (!((cell, name) in seen)) {
        seen[cell, name] = 1
        names[cell, ++name_count[cell]] = name
    }
    for (i = 1; i <= measures[word[1]]; i++) {
        key = of_workload[word[1], i]
        value[cell, key, name, pass] = field(key) * scale_of[word[1], key]
    }
    if (pass > passes)
        passes = pass
}

# Sets least, middle, most of a program in a cell; returns how many runs there are.
function runs(cell, key, name,    n, pass, list) {
    n = 0
    for (pass = 1; pass <= passes; pass++)
        if ((cell, key, name, pass) in value)
            list[++n] = value[cell, key, name, pass]
    if (n)
        spread(list, n)
    return n
}

# The same of ours divided by another, pass by pass.
function ratio(cell, key, ours, name,    n, pass, list) {
    n = 0
    for (pass = 1; pass <= passes; pass++)
        if (((cell, key, name, pass) in value) && ((cell, key, ours, pass) in value) &&
            value[cell, key, name, pass] > 0)
            list[++n] = value[cell, key, ours, pass] / value[cell, key, name, pass]
    if (n)
        spread(list, n)
    return n
}

# Which of the programs the others are compared with.
function ours_of(cell,    i, n, candidate) {
    n = split("weir weir-process weir-deep", candidate, " ")
    for (i = 1; i <= n; i++)
        if ((cell, candidate[i]) in seen)
            return candidate[i]
    return ""
}

function table(cell, key,    i, j, held, count, order, median, ours, unit, digits, text, peer) {
    unit = unit_of[workload_of[cell], key]
    digits = digits_of[workload_of[cell], key]
    ours = ours_of(cell)
    count = name_count[cell]
    for (i = 1; i <= count; i++) {
        held = names[cell, i]
        runs(cell, key, held)
        median[held] = more_of[workload_of[cell], key] ? -middle : middle
        for (j = i - 1; j > 0 && median[order[j]] > median[held]; j--)
            order[j + 1] = order[j]
        order[j + 1] = held
    }
    printf "\n| %s | %s | least–most | %s ÷ it | least–most |\n|---|---:|---|---:|---|\n", cell, unit,
        ours ? ours : "weir"
    for (i = 1; i <= count; i++) {
        runs(cell, key, order[i])
        text = sprintf("| %s | %.*f | %.*f–%.*f |", order[i], digits, middle, digits, least, digits, most)
        if (order[i] != ours && ratio(cell, key, ours, order[i]))
            text = text sprintf(" %.2f | %.2f–%.2f |", middle, least, most)
        else
            text = text " | |"
        print text
        if (!peer && order[i] !~ /^(weir|limit)/)
            peer = order[i]
    }
    if (peer && ratio(cell, key, ours, peer))
        best[++best_count] = sprintf("| %s | %s | %s | %.2f | %.2f–%.2f |", cell, unit, peer, middle, least, most)
}

END {
    for (i = 1; i <= cell_count; i++)
        for (m = 1; m <= measures[workload_of[cells[i]]]; m++)
            table(cells[i], of_workload[workload_of[cells[i]], m])
    print "\n| cell | | best of the pools of others | weir ÷ it | least–most |\n|---|---|---|---:|---|"
    for (i = 1; i <= best_count; i++)
        print best[i]
}
