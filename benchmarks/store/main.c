/* The C rows of the group `store`. Prints one JSON object per line: name, unit, samples of each contestant.
 * Usage: store append|durable|read|growth|single DIRECTORY [EVENTS] */
#define _GNU_SOURCE
#include "contest.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *base_directory;

/* Opens the large store, appends, and dies. */
static void crash_now(void)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/large", base_directory);
    void *log = log_ours.open(path, PROMISE_WRITTEN, SMALL);
    log_ours.append(log, 0, 1000);
    (void)kill(getpid(), SIGKILL);
}

int main(int count, char **arguments)
{
    must(count >= 3, "the command line");
    base_directory = arguments[2];
    uint64_t events = count > 3 ? strtoull(arguments[3], NULL, 10) : 1000000;
    if (strcmp(arguments[1], "append") == 0) bench_append();
    if (strcmp(arguments[1], "durable") == 0) bench_durable();
    if (strcmp(arguments[1], "read") == 0) bench_read(events);
    if (strcmp(arguments[1], "growth") == 0) bench_growth(events);
    if (strcmp(arguments[1], "single") == 0) bench_single();
    if (strcmp(arguments[1], "crash") == 0) crash_now();
    return 0;
}
