/* Names and sentences of statuses. The numbers are part of the binary interface, so they are written
 * down here a second time. */
#include <ctype.h>

#include "support/check.h"

static const struct {
    int value;
    const char *name;
} known[] = {
    { 0, "WEIR_OK" },        { 1, "WEIR_EINVAL" },     { 2, "WEIR_ENOMEM" },
    { 3, "WEIR_ESYS" },      { 4, "WEIR_EREJECTED" },  { 5, "WEIR_ESHUTDOWN" },
    { 6, "WEIR_ETIMEDOUT" }, { 7, "WEIR_ECANCELLED" }, { 8, "WEIR_EFAILED" },
    { 9, "WEIR_ECRASHED" },  { 10, "WEIR_EEXPIRED" },  { 11, "WEIR_EDEADLOCK" },
    { 12, "WEIR_ETOOBIG" },  { 13, "WEIR_EFORKED" },   { 14, "WEIR_EDISCARDED" },
    { 15, "WEIR_EPENDING" }, { 16, "WEIR_EBROKEN" },   { 17, "WEIR_NEVER_AGAIN" },
    { 18, "WEIR_EOVERRUN" },
};
enum {
    KNOWN = sizeof known / sizeof known[0]
};

static void status_names_belong_to_their_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < KNOWN; i++) {
        assert_int_equal(known[i].value, i);
        assert_string_equal(weir_status_name((weir_status)i), known[i].name);
    }
}

static void status_texts_are_sentences_and_all_different(void **state)
{
    (void)state;
    for (int i = 0; i < KNOWN; i++) {
        const char *text = weir_status_text((weir_status)i);
        size_t length = strlen(text);
        assert_true(length >= strlen("success"));
        assert_true(islower((unsigned char)text[0]));
        assert_true(text[length - 1] != '.' && text[length - 1] != '\n');
        for (int j = 0; j < i; j++)
            assert_string_not_equal(text, weir_status_text((weir_status)j));
    }
}

static void status_that_does_not_exist_has_a_name_and_a_text(void **state)
{
    (void)state;
    const int strange[] = { KNOWN, -1, 255, 1 << 20 };
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        assert_string_equal(weir_status_name((weir_status)strange[i]), "WEIR_UNKNOWN");
        assert_true(strlen(weir_status_text((weir_status)strange[i])) > 0);
    }
}

static void state_names_belong_to_their_numbers(void **state)
{
    (void)state;
    const char *names[] = { "PENDING", "RUNNING", "FINISHED", "CANCELLED", "EXPIRED", "DISCARDED" };
    for (int i = 0; i < 6; i++)
        assert_string_equal(weir_state_name((weir_state)i), names[i]);
    assert_string_equal(weir_state_name((weir_state)6), "UNKNOWN");
    assert_string_equal(weir_state_name((weir_state)-1), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_names_belong_to_their_numbers),
        cmocka_unit_test(status_texts_are_sentences_and_all_different),
        cmocka_unit_test(status_that_does_not_exist_has_a_name_and_a_text),
        cmocka_unit_test(state_names_belong_to_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
