/* Statistics as a table: everything is there, and a small buffer is cut, never overrun. */
#include <stdio.h>
#include <stdlib.h>

#include "support/check.h"

static weir_stats numbered(void)
{
    weir_stats stats;
    uint64_t field[sizeof stats / sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof field / sizeof field[0]; i++)
        field[i] = 1000 + i;
    memcpy(&stats, field, sizeof stats);
    return stats;
}

static void format_says_how_much_it_needs(void **state)
{
    (void)state;
    weir_stats stats = numbered();
    char text[4096];
    size_t needed = weir_stats_format(&stats, NULL, 0);
    assert_true(needed > 0 && needed < sizeof text);
    assert_int_equal(weir_stats_format(&stats, text, sizeof text), needed);
    assert_int_equal(strlen(text), needed);
}

static void format_fits_a_buffer_of_that_size_and_one(void **state)
{
    (void)state;
    weir_stats stats = numbered();
    char whole[4096];
    size_t needed = weir_stats_format(&stats, whole, sizeof whole);
    /* Every size: in memory of exactly that size, so that a sanitizer sees a byte too many. */
    for (size_t size = 1; size <= needed + 1; size++) {
        char *text = malloc(size);
        assert_non_null(text);
        memset(text, 'x', size);
        assert_int_equal(weir_stats_format(&stats, text, size), needed);
        assert_int_equal(strlen(text), size - 1 < needed ? size - 1 : needed);
        assert_memory_equal(text, whole, size - 1);
        free(text);
    }
}

static void format_does_not_write_past_the_size_it_is_given(void **state)
{
    (void)state;
    weir_stats stats = numbered();
    char text[64];
    memset(text, 'x', sizeof text);
    weir_stats_format(&stats, text, 32);
    assert_int_equal(text[31], '\0');
    for (size_t i = 32; i < sizeof text; i++)
        assert_int_equal(text[i], 'x');
}

static void format_has_a_line_for_every_field(void **state)
{
    (void)state;
    weir_stats stats = numbered();
    char text[4096];
    size_t lines = 0;
    weir_stats_format(&stats, text, sizeof text);
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    assert_int_equal(lines, sizeof stats / sizeof(uint64_t));
    /* Each number once: times in seconds, the others as they are. */
    for (size_t i = 0; i < sizeof stats / sizeof(uint64_t); i++) {
        char number[32];
        bool time = i >= offsetof(weir_stats, run_ns) / sizeof(uint64_t) &&
                    i <= offsetof(weir_stats, wait_max_ns) / sizeof(uint64_t);
        snprintf(number, sizeof number, time ? " 0.00000%zu s\n" : " %zu\n",
                 time ? (1000 + i + 500) / 1000 : 1000 + i);
        assert_non_null(strstr(text, number));
    }
}

static void format_names_belong_to_their_values(void **state)
{
    (void)state;
    weir_stats stats = { .submitted = 12, .rejected = 3, .backlog_peak = 7, .run_ns = 1500000000 };
    char text[4096];
    unsigned long long submitted = 0, rejected = 0, peak = 0;
    double run = 0;
    weir_stats_format(&stats, text, sizeof text);
    assert_int_equal(sscanf(text, "submitted %llu", &submitted), 1);
    assert_int_equal(sscanf(strstr(text, "\nrejected "), "\nrejected %llu", &rejected), 1);
    assert_int_equal(sscanf(strstr(text, "\nbacklog_peak "), "\nbacklog_peak %llu", &peak), 1);
    assert_int_equal(sscanf(strstr(text, "\nrun "), "\nrun %lf s", &run), 1);
    assert_int_equal(submitted, 12);
    assert_int_equal(rejected, 3);
    assert_int_equal(peak, 7);
    assert_true(run > 1.4999 && run < 1.5001);
}

static void format_of_the_largest_numbers_fits_what_it_says(void **state)
{
    (void)state;
    weir_stats stats;
    char text[4096];
    memset(&stats, 0xff, sizeof stats);
    size_t needed = weir_stats_format(&stats, text, sizeof text);
    assert_int_equal(strlen(text), needed);
    assert_non_null(strstr(text, " 18446744073709551615\n"));
}

static void format_of_nothing_is_nothing(void **state)
{
    (void)state;
    weir_stats stats = numbered();
    char text[8] = "before";
    assert_int_equal(weir_stats_format(NULL, text, sizeof text), 0);
    assert_string_equal(text, "before");
    assert_int_equal(weir_stats_format(&stats, NULL, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_says_how_much_it_needs),
        cmocka_unit_test(format_fits_a_buffer_of_that_size_and_one),
        cmocka_unit_test(format_does_not_write_past_the_size_it_is_given),
        cmocka_unit_test(format_has_a_line_for_every_field),
        cmocka_unit_test(format_names_belong_to_their_values),
        cmocka_unit_test(format_of_the_largest_numbers_fits_what_it_says),
        cmocka_unit_test(format_of_nothing_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
