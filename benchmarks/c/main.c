/* The C rows of the group `registry`. Prints one JSON object per line: name, unit, samples of each
 * contestant. Usage: registry all|notify|rest [libtallystick.so libbare.so] */
#include "harness.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void *symbol_of(const char *path, const char *name)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library == NULL ? NULL : dlsym(library, name);
    if (symbol == NULL) (void)fprintf(stderr, "benchmark: %s\n", dlerror());
    return symbol;
}

int main(int count, char **arguments)
{
    int cpu[2];
    must(cpus(cpu) > 0, "finding a CPU");
    pin_to(cpu[0]);
    /* ISO C has no way from an object pointer to a function; POSIX promises that this one works. */
    union {
        void *object;
        const tally_api *(*table)(void);
        bare_function loop;
    } shared = {NULL}, loop = {NULL};
    if (count > 3) {
        shared.object = symbol_of(arguments[2], "tally_api_table");
        loop.object = symbol_of(arguments[3], "bare_notify");
    }
    if (count > 1 && strcmp(arguments[1], "rest") != 0)
        bench_notify(shared.object == NULL ? NULL : shared.table(), loop.object == NULL ? NULL : loop.loop);
    if (count > 1 && strcmp(arguments[1], "notify") == 0) return 0;
    bench_failures();
    bench_general();
    bench_edit();
    bench_memory();
    bench_threads();
    bench_latency();
    return 0;
}
