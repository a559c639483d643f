# The C code of a Markdown page, as one C file: awk -v page=NAME -f extract.awk PAGE
#
# A block that starts with ```c is taken as it is. If the line above it is <!-- body -->, it is
# statements, and becomes the body of a function of its own. Line numbers are those of the page.
/^```c$/ {
    inside = 1
    in_body = body
    if (in_body) {
        blocks++
        printf "void block_%d(void);\nvoid block_%d(void)\n{\n", blocks, blocks
    }
    printf "#line %d \"%s\"\n", NR + 1, page
    next
}
/^```$/ && inside {
    inside = 0
    if (in_body)
        print "}"
    next
}
inside { print; next }
{ body = ($0 == "<!-- body -->") }
