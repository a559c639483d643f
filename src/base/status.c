/* Names and sentences of statuses, from the one table. */
#include "weir/status.h"

const char *weir_status_name(weir_status status)
{
    switch (status) {
#define CASE_NAME(name, value, sentence)                                                           \
    case name:                                                                                     \
        return #name;
        WEIR_STATUS_MAP(CASE_NAME)
#undef CASE_NAME
    }
    return "WEIR_UNKNOWN";
}

const char *weir_status_text(weir_status status)
{
    switch (status) {
#define CASE_TEXT(name, value, sentence)                                                           \
    case name:                                                                                     \
        return sentence;
        WEIR_STATUS_MAP(CASE_TEXT)
#undef CASE_TEXT
    }
    return "a status that does not exist";
}
