/* LMDB: one write transaction per commit, MDB_APPEND; NOSYNC where the promise is "written". It hashes
 * nothing. */
#include "contest.h"

#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

typedef struct tree {
    MDB_env *environment;
    MDB_dbi database;
    MDB_txn *reading;
    size_t data_bytes;
} tree;

static void *open_lmdb(const char *directory, promise wanted, size_t data_bytes)
{
    tree *log = calloc(1, sizeof *log);
    must(log != NULL, "memory");
    must(mdb_env_create(&log->environment) == 0, "LMDB");
    must(mdb_env_set_mapsize(log->environment, (size_t)32 << 30) == 0, "LMDB's size");
    unsigned int flags = MDB_NORDAHEAD | (wanted == PROMISE_DURABLE ? 0u : MDB_NOSYNC);
    must(mdb_env_open(log->environment, directory, flags, 0600) == 0, "opening LMDB");
    MDB_txn *transaction;
    must(mdb_txn_begin(log->environment, NULL, 0, &transaction) == 0, "LMDB");
    must(mdb_dbi_open(transaction, NULL, MDB_INTEGERKEY | MDB_CREATE, &log->database) == 0, "LMDB's table");
    must(mdb_txn_commit(transaction) == 0, "LMDB");
    log->data_bytes = data_bytes;
    return log;
}

static void append_lmdb(void *state, uint64_t first, size_t count)
{
    tree *log = state;
    MDB_txn *transaction;
    must(mdb_txn_begin(log->environment, NULL, 0, &transaction) == 0, "an LMDB transaction");
    for (size_t i = 0; i < count; i++) {
        size_t number = first + i, length;
        const char *stream = event_stream(number, &length);
        MDB_val key = {sizeof number, &number};
        MDB_val value = {32 + log->data_bytes, NULL};
        must(mdb_put(transaction, log->database, &key, &value, MDB_APPEND | MDB_RESERVE) == 0, "an LMDB put");
        uint8_t *to = value.mv_data;
        memset(to, 0, 32);
        memcpy(to, stream, length);
        memcpy(to + 16, EVENT_TYPE, sizeof EVENT_TYPE);
        memcpy(to + 32, event_data(number), log->data_bytes);
    }
    must(mdb_txn_commit(transaction) == 0, "an LMDB commit");
}

static void close_lmdb(void *state)
{
    tree *log = state;
    if (log->reading != NULL) mdb_txn_abort(log->reading);
    mdb_env_close(log->environment);
    free(log);
}

static size_t read_lmdb(void *state, uint64_t position)
{
    tree *log = state;
    if (log->reading == NULL)
        must(mdb_txn_begin(log->environment, NULL, MDB_RDONLY, &log->reading) == 0, "reading LMDB");
    size_t number = position;
    MDB_val key = {sizeof number, &number}, value;
    must(mdb_get(log->reading, log->database, &key, &value) == 0, "an LMDB get");
    return value.mv_size - 32;
}

const log_kind log_lmdb = {"LMDB", open_lmdb, append_lmdb, close_lmdb, read_lmdb, NULL};
