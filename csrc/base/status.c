#include <tallystick/status.h>

static const struct status_row {
    tally_status status;
    tally_status_class class_;
    const char *name;
    const char *message;
} rows[] = {
#define STATUS_ROW(symbol, code, class_, message) {(code), TALLY_CLASS_##class_, "TALLY_" #symbol, (message)},
    TALLY_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct status_row unknown_row = {0, TALLY_CLASS_BUG, "TALLY_E_UNKNOWN",
                                              "the number is not a status of this library"};

/* invariant: the list is dense, rows[i].status == -i; a test walks it. */
static const struct status_row *row_of(tally_status status)
{
    /* Negated as unsigned: -INT32_MIN does not exist. */
    uint32_t index = 0u - (uint32_t)status;
    return index < ROW_COUNT ? &rows[index] : &unknown_row;
}

const char *tally_status_name(tally_status status) { return row_of(status)->name; }

const char *tally_status_message(tally_status status) { return row_of(status)->message; }

tally_status_class tally_status_class_of(tally_status status) { return row_of(status)->class_; }

tally_status tally_status_at(size_t index, tally_status *status)
{
    if (status == NULL) return TALLY_E_NULL;
    *status = TALLY_OK;
    if (index >= ROW_COUNT) return TALLY_E_RANGE;
    *status = rows[index].status;
    return TALLY_OK;
}
