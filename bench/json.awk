# From the lines of bench/run to JSON: an object a run.

function quoted(text) {
    gsub(/[\\"]/, "\\\\&", text)
    return "\"" text "\""
}

BEGIN {
    printf "{\n\"machine\": %s,\n\"runs\": [", quoted(machine)
}

{
    match($0, /^cell="[^"]*"/)
    line = sprintf("\"cell\": %s", quoted(substr($0, 7, RLENGTH - 7)))
    count = split(substr($0, RLENGTH + 2), field, " ")
    for (i = 1; i <= count; i++) {
        at = index(field[i], "=")
        value = substr(field[i], at + 1)
        if (value !~ /^-?[0-9]+(\.[0-9]+)?$/)
            value = quoted(value)
        line = line sprintf(", %s: %s", quoted(substr(field[i], 1, at - 1)), value)
    }
    printf "%s\n{%s}", (NR > 1 ? "," : ""), line
}

END {
    print "\n]}"
}
