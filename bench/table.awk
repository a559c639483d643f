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

/ skipped: / { next }

{
    match($0, /cell="[^"]*"/)
    cell = substr($0, 7, RLENGTH - 7)
    name = field("peer")
    pass = field("pass")
    split(cell, word, " ")
    measure = "Mtasks/s"
    scale = 1e-6
    key = "ops_per_s"
    digits = 2
    if (word[1] == "pingpong") {
        measure = "us, p50"
        scale = 1e-3
        key = "p50_ns"
    } else if (word[1] == "reject" || word[1] == "bounded") {
        measure = "ns a refusal"
        scale = 1
        key = "ns_per_reject"
        digits = 1
    } else if (word[1] == "work") {
        measure = "efficiency"
        scale = 1
        key = "efficiency"
        digits = 3
    }
    if (!(cell in unit)) {
        unit[cell] = measure
        places[cell] = digits
        cells[++cell_count] = cell
    }
    if (!((cell, name) in seen)) {
        seen[cell, name] = 1
        names[cell, ++name_count[cell]] = name
    }
    value[cell, name, pass] = field(key) * scale
    p99[cell, name, pass] = field("p99_ns") / 1000
    if (pass > passes)
        passes = pass
}

# Sets least, middle, most of a program in a cell; returns how many runs there are.
function runs(of, cell, name,    n, pass, list) {
    n = 0
    for (pass = 1; pass <= passes; pass++)
        if ((cell, name, pass) in of)
            list[++n] = of[cell, name, pass]
    spread(list, n)
    return n
}

function ratio(of, cell, name,    n, pass, list) {
    n = 0
    for (pass = 1; pass <= passes; pass++)
        if (((cell, name, pass) in of) && ((cell, "weir", pass) in of) && of[cell, name, pass] > 0)
            list[++n] = of[cell, "weir", pass] / of[cell, name, pass]
    if (n)
        spread(list, n)
    return n
}

function row(of, cell, name, measure, digits,    text) {
    runs(of, cell, name)
    text = sprintf("| %s | %s | %.*f | %.*f–%.*f |", name, measure, digits, middle, digits, least, digits, most)
    if (name != "weir" && ratio(of, cell, name))
        text = text sprintf(" %.2f | %.2f–%.2f |", middle, least, most)
    else
        text = text " | |"
    print text
}

END {
    for (i = 1; i <= cell_count; i++) {
        cell = cells[i]
        printf "\n%s\n\n| program | | median | least–most | weir ÷ it | least–most |\n|---|---|---:|---|---:|---|\n", cell
        for (j = 1; j <= name_count[cell]; j++) {
            name = names[cell, j]
            row(value, cell, name, unit[cell], places[cell])
        }
        if (cell ~ /^pingpong/)
            for (j = 1; j <= name_count[cell]; j++)
                row(p99, cell, names[cell, j], "us, p99", 2)
    }
}
