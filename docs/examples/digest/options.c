#include "digest/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char default_folder[] = "/usr/share/doc";
static char *const default_folders[] = {default_folder, NULL};

static void print_help(void)
{
    printf("Usage: digest [OPTION]... [FOLDER]...\n"
           "Print the SHA-256 of every regular file under each FOLDER as sha256sum does, in\n"
           "the byte order of their paths. Without a FOLDER: %s.\n\n"
           "  -e, --executor=KIND  (thread) where the files are read and hashed:\n",
           default_folder);
    for (const struct executor_kind *kind = executor_kinds; kind->name != NULL; kind++)
        printf("      %-14s  %s\n", kind->name, kind->about);
    printf("  -w, --workers=N      (as many as there are CPUs) how many at once\n"
           "  -l, --limit=N        (%zu) how many may wait to be started\n"
           "  -p, --policy=NAME    (block) what to do with a file when that many wait:\n",
           WEIR_LIMIT_DEFAULT);
    for (const struct policy_kind *policy = policy_kinds; policy->name != NULL; policy++)
        printf("      %-14s  %s\n", policy->name, policy->about);
    printf("  -q, --quiet          no progress bar and no statistics\n"
           "  -h, --help           this text\n\n"
           "Exit status: 0, 1 if something could not be read or written, 2 for a mistake\n"
           "on the command line.\n");
}

static bool fail(const char *option, const char *value)
{
    fprintf(stderr, "digest: invalid %s: '%s'\nTry 'digest --help'.\n", option, value);
    return false;
}

static bool parse_number(size_t *out, const char *option, const char *text, size_t least,
                         size_t most)
{
    char *end = NULL;

    errno = 0;
    uintmax_t number = strtoumax(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < least ||
        number > most)
        return fail(option, text);
    *out = (size_t)number;
    return true;
}

static bool parse_kind(const struct executor_kind **out, const char *text)
{
    for (const struct executor_kind *kind = executor_kinds; kind->name != NULL; kind++) {
        if (strcmp(kind->name, text) == 0) {
            *out = kind;
            return true;
        }
    }
    return fail("executor", text);
}

static bool parse_policy(const struct policy_kind **out, const char *text)
{
    for (const struct policy_kind *policy = policy_kinds; policy->name != NULL; policy++) {
        if (strcmp(policy->name, text) == 0) {
            *out = policy;
            return true;
        }
    }
    return fail("policy", text);
}

static bool parse_option(struct options *options, int letter)
{
    switch (letter) {
    case 'e':
        return parse_kind(&options->kind, optarg);
    case 'w':
        return parse_number(&options->settings.workers, "number of workers", optarg, 1,
                            WEIR_WORKERS_MAX);
    case 'l':
        return parse_number(&options->settings.limit, "limit", optarg, 0, WEIR_LIMIT_MAX);
    case 'p':
        return parse_policy(&options->policy, optarg);
    case 'q':
        options->quiet = true;
        return true;
    case 'h':
        print_help();
        options->exit_status = fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        return false;
    default:
        fputs("Try 'digest --help'.\n", stderr);
        return false;
    }
}

bool options_parse(struct options *options, int argc, char **argv)
{
    static const struct option names[] = {
        {"executor", required_argument, NULL, 'e'}, {"workers", required_argument, NULL, 'w'},
        {"limit", required_argument, NULL, 'l'},    {"policy", required_argument, NULL, 'p'},
        {"quiet", no_argument, NULL, 'q'},          {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    *options = (struct options){.folders = default_folders, .exit_status = EXIT_TROUBLE};
    options->settings.limit = WEIR_LIMIT_DEFAULT;
    parse_kind(&options->kind, "thread");
    parse_policy(&options->policy, "block");

    while ((letter = getopt_long(argc, argv, "e:w:l:p:qh", names, NULL)) != -1)
        if (!parse_option(options, letter))
            return false;
    if (optind < argc)
        options->folders = argv + optind;

    /* In the options of an executor 0 means the default, so a real 0 has a name of its own. */
    options->settings.policy = options->policy->make(options->settings.limit);
    if (options->settings.limit == 0)
        options->settings.limit = WEIR_ZERO;
    return true;
}
