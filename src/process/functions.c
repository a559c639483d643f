#include "process/functions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool append(struct weir__functions *functions, uintptr_t begin, uintptr_t end)
{
    size_t count = functions->count;
    if ((count & (count - 1)) == 0) { /* full: powers of two */
        size_t room = count ? 2 * count : 1;
        struct weir__range *more = realloc(functions->range, room * sizeof *more);
        if (!more)
            return false;
        functions->range = more;
    }
    functions->range[functions->count++] = (struct weir__range){begin, end};
    return true;
}

bool weir__functions_init(struct weir__functions *functions)
{
    *functions = (struct weir__functions){NULL, 0};
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        return true;
    char line[512];
    bool enough = true, begins = true;
    while (enough && fgets(line, sizeof line, maps)) {
        uintptr_t begin, end;
        char mode[5];
        /* A line that is longer than ours has only its beginning looked at. */
        if (begins && sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &begin, &end, mode) == 3 &&
            mode[2] == 'x')
            enough = append(functions, begin, end);
        begins = false;
        for (const char *c = line; *c; c++)
            begins = *c == '\n';
    }
    fclose(maps);
    if (!enough)
        weir__functions_fini(functions);
    return enough;
}

void weir__functions_fini(struct weir__functions *functions)
{
    free(functions->range);
    *functions = (struct weir__functions){NULL, 0};
}

bool weir__functions_known(const struct weir__functions *functions, uintptr_t address)
{
    size_t low = 0, high = functions->count;
    while (low < high) { /* the first range that ends behind the address */
        size_t middle = low + (high - low) / 2;
        if (functions->range[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return !functions->range || (low < functions->count && functions->range[low].begin <= address);
}
