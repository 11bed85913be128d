/* SQLite through its C interface: WAL, prepared statements, one row per event, one transaction per commit;
 * mapped reads. The table has no index but its key, unless pages by stream are read. */
#include "contest.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct table {
    sqlite3 *database;
    sqlite3_stmt *begin, *insert, *commit, *get, *page, *page_all;
    size_t data_bytes;
} table;

static void run_text(sqlite3 *database, const char *text)
{
    must(sqlite3_exec(database, text, NULL, NULL, NULL) == SQLITE_OK, text);
}

static sqlite3_stmt *prepare(sqlite3 *database, const char *text)
{
    sqlite3_stmt *statement = NULL;
    must(sqlite3_prepare_v3(database, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) == SQLITE_OK, text);
    return statement;
}

static void step(sqlite3_stmt *statement)
{
    must(sqlite3_step(statement) == SQLITE_DONE, "an SQLite step");
    (void)sqlite3_reset(statement);
}

static void *open_sqlite(const char *directory, promise wanted, size_t data_bytes)
{
    table *log = calloc(1, sizeof *log);
    must(log != NULL, "memory");
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/events.db", directory);
    must(sqlite3_open(path, &log->database) == SQLITE_OK, "opening SQLite");
    run_text(log->database, "PRAGMA journal_mode=WAL");
    run_text(log->database, wanted == PROMISE_DURABLE  ? "PRAGMA synchronous=FULL"
                            : wanted == PROMISE_NORMAL ? "PRAGMA synchronous=NORMAL"
                                                       : "PRAGMA synchronous=OFF");
    run_text(log->database, "PRAGMA mmap_size=17179869184");
    run_text(log->database, "PRAGMA cache_size=-65536");
    run_text(log->database,
             "CREATE TABLE IF NOT EXISTS events(position INTEGER PRIMARY KEY, stream TEXT, type TEXT, data BLOB)");
    log->begin = prepare(log->database, "BEGIN");
    log->commit = prepare(log->database, "COMMIT");
    log->insert = prepare(log->database, "INSERT INTO events VALUES(?, ?, ?, ?)");
    log->get = prepare(log->database, "SELECT stream, type, data FROM events WHERE position = ?");
    log->page_all = prepare(log->database, "SELECT stream, type, data FROM events WHERE position >= ? LIMIT 100");
    log->data_bytes = data_bytes;
    return log;
}

static void append_sqlite(void *state, uint64_t first, size_t count)
{
    table *log = state;
    if (count > 1) step(log->begin);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *stream = event_stream(first + i, &length);
        (void)sqlite3_bind_int64(log->insert, 1, (sqlite3_int64)first + (sqlite3_int64)i);
        (void)sqlite3_bind_text(log->insert, 2, stream, (int)length, SQLITE_STATIC);
        (void)sqlite3_bind_text(log->insert, 3, EVENT_TYPE, sizeof EVENT_TYPE - 1, SQLITE_STATIC);
        (void)sqlite3_bind_blob(log->insert, 4, event_data(first + i), (int)log->data_bytes, SQLITE_STATIC);
        step(log->insert);
    }
    if (count > 1) step(log->commit);
}

static void close_sqlite(void *state)
{
    table *log = state;
    sqlite3_stmt *all[] = {log->begin, log->insert, log->commit, log->get, log->page, log->page_all};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) (void)sqlite3_finalize(all[i]);
    must(sqlite3_close(log->database) == SQLITE_OK, "closing SQLite");
    free(log);
}

static size_t read_sqlite(void *state, uint64_t position)
{
    table *log = state;
    (void)sqlite3_bind_int64(log->get, 1, (sqlite3_int64)position);
    must(sqlite3_step(log->get) == SQLITE_ROW, "reading from SQLite");
    size_t length = (size_t)sqlite3_column_bytes(log->get, 2);
    must(sqlite3_column_blob(log->get, 2) != NULL, "data from SQLite");
    (void)sqlite3_reset(log->get);
    return length;
}

static size_t page_sqlite(void *state, size_t stream, uint64_t from)
{
    table *log = state;
    sqlite3_stmt *statement = log->page_all;
    if (stream < STREAMS) {
        if (log->page == NULL) {
            run_text(log->database, "CREATE INDEX IF NOT EXISTS by_stream ON events(stream, position)");
            log->page = prepare(
                log->database,
                "SELECT stream, type, data FROM events WHERE position >= ? AND stream = ? ORDER BY position LIMIT 100");
        }
        statement = log->page;
        size_t length;
        const char *name = event_stream(stream, &length);
        (void)sqlite3_bind_text(statement, 2, name, (int)length, SQLITE_STATIC);
    }
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)from);
    size_t rows = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) rows += sqlite3_column_blob(statement, 2) != NULL;
    (void)sqlite3_reset(statement);
    return rows;
}

const log_kind log_sqlite = {"SQLite", open_sqlite, append_sqlite, close_sqlite, read_sqlite, page_sqlite};
