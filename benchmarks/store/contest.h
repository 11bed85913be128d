/* The logs that compete: ours, the bare loop, SQLite, LMDB, batpak. Each appends the same events: 1000
 * streams in turn, one type, random data. */
#ifndef BENCHMARKS_STORE_CONTEST_H
#define BENCHMARKS_STORE_CONTEST_H

#include "../c/harness.h"
#include "../peers/batpak.h"

#define STREAMS 1000u
#define DATA_MANY 4096u /* different data, in turn */
#define SMALL 256u
#define LARGE 4096u

/* What an append promises when it returns. */
typedef enum promise {
    PROMISE_BUFFERED,
    PROMISE_WRITTEN, /* survives the process */
    PROMISE_NORMAL,  /* SQLite only: synchronous=NORMAL */
    PROMISE_DURABLE  /* survives the machine */
} promise;

/* A log under test. `append` makes one commit of `count` events, the first with number `first`. */
typedef struct log_kind {
    const char *name;
    void *(*open)(const char *directory, promise wanted, size_t data_bytes);
    void (*append)(void *log, uint64_t first, size_t count);
    void (*close)(void *log);
    /* The data's length of one event; the number of events of a page of 100 from `from`, of one stream or,
     * with STREAMS, of all. NULL: not offered. */
    size_t (*read)(void *log, uint64_t position);
    size_t (*page)(void *log, size_t stream, uint64_t from);
} log_kind;

extern const log_kind log_ours, log_bare, log_sqlite, log_lmdb, log_batpak;
bool has_batpak(void);

/* The data of event `number`; the same for everybody. */
const uint8_t *event_data(uint64_t number);
/* "account/0" … */
const char *event_stream(uint64_t number, size_t *length);
#define EVENT_TYPE "order.paid"

/* A directory below the first argument of the program, emptied. */
const char *fresh_directory(const char *name);
void remove_directory(const char *path);
uint64_t directory_bytes(const char *path);
/* Drops the files of a directory from the system's cache; false where that is not allowed. */
bool forget_cache(const char *path);

/* Groups of rows. */
void bench_append(void);
/* One buffered append, for the languages to compare with. */
void bench_single(void);
void bench_durable(void);
void bench_read(uint64_t events);
void bench_growth(uint64_t most);

#endif
