# From the lines of bench/run, how something changes along one of a cell's numbers: medians, as a
# table with a row a program, or as blocks for gnuplot with the least and the most.
#
#   -v cells=REGEX   which cells
#   -v column=N      which word of the cell is the number
#   -v key=NAME      of the lines
#   -v scale=X -v digits=N
#   -v gnuplot=1     blocks instead of a table

function field(name,    at, rest) {
    at = index($0, " " name "=")
    if (!at)
        return ""
    rest = substr($0, at + length(name) + 2)
    sub(/ .*/, "", rest)
    return rest
}

# Insert into the sorted list of a place.
function insert(place, number,    i) {
    for (i = ++count[place]; i > 1 && list[place, i - 1] > number; i--)
        list[place, i] = list[place, i - 1]
    list[place, i] = number
}

function median(place,    n) {
    n = count[place]
    return n % 2 ? list[place, (n + 1) / 2] : (list[place, n / 2] + list[place, n / 2 + 1]) / 2
}

{
    match($0, /cell="[^"]*"/)
    cell = substr($0, 7, RLENGTH - 7)
    if (cell !~ cells)
        next
    split(cell, word, " ")
    x = word[column] + 0
    name = field("peer")
    if (!(name in known)) {
        known[name] = 1
        names[++name_count] = name
    }
    if (!(x in met)) {
        met[x] = 1
        for (i = ++x_count; i > 1 && xs[i - 1] > x; i--)
            xs[i] = xs[i - 1]
        xs[i] = x
    }
    insert(name SUBSEP x, field(key) * scale)
}

function by_name(    i, j, held) {
    for (i = 2; i <= name_count; i++) {
        held = names[i]
        for (j = i - 1; j > 0 && names[j] > held; j--)
            names[j + 1] = names[j]
        names[j + 1] = held
    }
}

function blocks(    i, j, place) {
    for (i = 1; i <= name_count; i++) {
        printf "%s\"%s\"\n", (i > 1 ? "\n\n" : ""), names[i]
        for (j = 1; j <= x_count; j++) {
            place = names[i] SUBSEP xs[j]
            if (count[place])
                print xs[j], median(place), list[place, 1], list[place, count[place]]
        }
    }
    print ""
}

function table(    i, j, place, least, most, text, middle) {
    text = "| |"
    for (j = 1; j <= x_count; j++)
        text = text " " xs[j] " |"
    print text " most ÷ least |"
    text = "|---|"
    for (j = 0; j <= x_count; j++)
        text = text "---:|"
    print text
    for (i = 1; i <= name_count; i++) {
        text = "| " names[i] " |"
        least = most = 0
        for (j = 1; j <= x_count; j++) {
            place = names[i] SUBSEP xs[j]
            if (!count[place]) {
                text = text " |"
                continue
            }
            middle = median(place)
            least = !least || middle < least ? middle : least
            most = middle > most ? middle : most
            text = text sprintf(" %.*f |", digits, middle)
        }
        print text sprintf(" %.2f |", least ? most / least : 0)
    }
}

END {
    by_name()
    if (gnuplot)
        blocks()
    else
        table()
}
