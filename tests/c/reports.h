/* An on_panic and a log that note what they are told, for the tests of failures. Include handlers.h first. */
#ifndef TALLY_TEST_REPORTS_H
#define TALLY_TEST_REPORTS_H

#include "handlers.h"

static tally_registry *registry;

/* What on_panic and the log were told. */
static char reports[2048];
static uint64_t last_handler;
static tally_log_record last_record;

static inline void report(const char *format, const tally_failure *failure)
{
    char line[512];
    (void)snprintf(line, sizeof line, format, failure->code, failure->name, failure->message);
    (void)strncat(reports, line, sizeof reports - strlen(reports) - 1);
    last_handler = failure->id.handler;
    CHECK_EQ(failure->id.registry, tally_registry_number(registry));
    CHECK_EQ(strlen(failure->name), failure->name_length);
    CHECK_EQ(strlen(failure->message), failure->message_length);
    CHECK(failure->notice != NULL);
}

static inline const char *reported(void)
{
    static char last[sizeof reports];
    memcpy(last, reports, sizeof reports);
    reports[0] = 0;
    return last;
}

static inline int32_t on_panic(void *user_data, const tally_failure *failure)
{
    tell(user_data);
    report("%d %s: %s;", failure);
    return 0;
}

static inline void take_log(void *user_data, const tally_log_record *record)
{
    CHECK_EQ(record->registry, tally_registry_number(registry));
    tell(user_data);
    last_record = *record;
    if (record->failure != NULL) report("%d %s: %s;", record->failure);
}

static inline void set_panic(tally_panic_handler function, void *user_data)
{
    CHECK_STATUS(tally_registry_on_panic(registry, function, user_data, NULL, NULL), TALLY_OK);
}

static inline tally_registry *open_logging(void)
{
    tally_registry_host host = {.size = sizeof host, .user_data = "log ", .log = take_log};
    return open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .host = &host});
}

#endif
