/* The plain values that come out of a store, as struct sequences. */
#include "store_shim.h"

#include <stdarg.h>

#define FIELDS(...)                 \
    (PyStructSequence_Field[])      \
    {                               \
        __VA_ARGS__, { NULL, NULL } \
    }

static PyStructSequence_Desc descriptions[] = {
    [0] = {"tallystick.Watermarks", "How many events have come so far.",
           FIELDS({"buffered", NULL}, {"written", NULL}, {"durable", NULL}), 3},
    [STORE_HEAD - STORE_WATERMARKS] = {"tallystick.StreamHead", "The end of a stream.",
                                       FIELDS({"next_version", NULL}, {"last_position", NULL}), 2},
    [STORE_LISTED -
        STORE_WATERMARKS] = {"tallystick.Listed", "One name with its figures.",
                             FIELDS({"name", NULL}, {"count", NULL}, {"first_position", NULL}, {"last_position", NULL}),
                             4},
    [STORE_INFO - STORE_WATERMARKS] = {"tallystick.StoreInfo", "Constant facts about an open store.",
                                       FIELDS({"name", NULL}, {"lineage", NULL}, {"mode", NULL}, {"digest", NULL},
                                              {"writer_epoch", NULL}, {"recovery", NULL}),
                                       6},
    [STORE_RECOVERY - STORE_WATERMARKS] = {"tallystick.Recovery", "What the open found and did.",
                                           FIELDS({"happened", NULL}, {"cut", NULL}, {"cut_position", NULL},
                                                  {"cut_segment", NULL}, {"cut_offset", NULL}, {"cut_bytes", NULL},
                                                  {"scanned_bytes", NULL}, {"rewritten_bytes", NULL}),
                                           8},
    [STORE_STATISTICS -
        STORE_WATERMARKS] = {"tallystick.StoreStatistics", "Figures about a store now.",
                             FIELDS({"events", NULL}, {"commits", NULL}, {"segments", NULL}, {"sealed_segments", NULL},
                                    {"runs", NULL}, {"file_bytes", NULL}, {"log_bytes", NULL}, {"data_bytes", NULL},
                                    {"heap_bytes", NULL}, {"mapped_bytes", NULL}, {"appends", NULL},
                                    {"appended_events", NULL}, {"repeats", NULL}, {"conflicts", NULL}, {"writes", NULL},
                                    {"written_bytes", NULL}, {"syncs", NULL}, {"sync_ns_total", NULL},
                                    {"sync_ns_max", NULL}, {"seals", NULL}, {"seal_ns_total", NULL},
                                    {"notified_events", NULL}, {"queue_bytes", NULL}, {"readers", NULL}),
                             24},
};

int store_records_ready(store_state *store)
{
    for (int type = STORE_WATERMARKS; type < STORE_TYPES; type++) {
        store->types[type] = PyStructSequence_NewType(&descriptions[type - STORE_WATERMARKS]);
        if (store->types[type] == NULL) return -1;
    }
    return 0;
}

PyObject *store_record(store_state *store, enum store_type type, ...)
{
    PyObject *record = PyStructSequence_New(store->types[type]);
    bool complete = record != NULL;
    va_list values;
    va_start(values, type);
    for (int index = 0; index < descriptions[type - STORE_WATERMARKS].n_in_sequence; index++) {
        PyObject *value = va_arg(values, PyObject *);
        complete = complete && value != NULL;
        if (record != NULL) PyStructSequence_SetItem(record, index, value);
        else Py_XDECREF(value);
    }
    va_end(values);
    if (!complete) Py_CLEAR(record);
    return record;
}

static PyObject *number(uint64_t value) { return PyLong_FromUnsignedLongLong(value); }

static PyObject *recovery_record(store_state *store, const tally_recovery *recovery)
{
    return store_record(store, STORE_RECOVERY, PyBool_FromLong(recovery->happened != 0),
                        PyBool_FromLong(recovery->cut != 0), number(recovery->cut_position),
                        number(recovery->cut_segment), number(recovery->cut_offset), number(recovery->cut_bytes),
                        number(recovery->scanned_bytes), number(recovery->rewritten_bytes));
}

PyObject *store_info(py_store *self, void *unused)
{
    (void)unused;
    static const char *const modes[] = {[TALLY_STORE_OPEN_OR_CREATE] = "rw",
                                        [TALLY_STORE_EXISTING] = "existing",
                                        [TALLY_STORE_NEW] = "x",
                                        [TALLY_STORE_READ_ONLY] = "r"};
    tally_store_info info;
    tally_error error;
    if (store_handle(self) == NULL) return NULL;
    tally_status status = tally_store_info_get(self->handle, &info, &error);
    if (status != TALLY_OK) return store_error(self, status, &error);
    tally_uuid lineage;
    memcpy(lineage.bytes, info.lineage, sizeof lineage.bytes);
    const char *digest = info.digest == TALLY_STORE_BLAKE2B ? "blake2b" : "sha256";
    return store_record(self->types, STORE_INFO, PyUnicode_FromString(info.name), uuid_object(self->state, &lineage),
                        PyUnicode_FromString(info.mode < 4 ? modes[info.mode] : "unknown"),
                        PyUnicode_FromString(digest), number(info.writer_epoch),
                        recovery_record(self->types, &info.recovery));
}

PyObject *store_statistics(py_store *self, PyObject *unused)
{
    (void)unused;
    tally_store_statistics now = {.size = sizeof now};
    tally_error error;
    if (store_handle(self) == NULL) return NULL;
    tally_status status = tally_store_statistics_get(self->handle, &now, &error);
    if (status != TALLY_OK) return store_error(self, status, &error);
    return store_record(self->types, STORE_STATISTICS, number(now.events), number(now.commits), number(now.segments),
                        number(now.sealed_segments), number(now.runs), number(now.file_bytes), number(now.log_bytes),
                        number(now.data_bytes), number(now.heap_bytes), number(now.mapped_bytes), number(now.appends),
                        number(now.appended_events), number(now.repeats), number(now.conflicts), number(now.writes),
                        number(now.written_bytes), number(now.syncs), number(now.sync_ns_total),
                        number(now.sync_ns_max), number(now.seals), number(now.seal_ns_total),
                        number(now.notified_events), number(now.queue_bytes), number(now.readers));
}
