/* Runs a fuzz entry point over the files named on the command line, and once over nothing: what
 * fuzzing has kept is a test on machines without a fuzzer. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return 1;
    int failed = fseek(file, 0, SEEK_END) != 0;
    long size = ftell(file);
    rewind(file);
    /* One byte too few would hide a read past the end: the block is exactly as long as the file. */
    uint8_t *data = size > 0 ? malloc((size_t)size) : NULL;
    if (!failed && size >= 0 && (size == 0 || (data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size)))
        (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    else failed = 1;
    free(data);
    (void)fclose(file);
    return failed;
}

int main(int count, char **paths)
{
    int failures = 0;
    (void)LLVMFuzzerTestOneInput(NULL, 0);
    puts("ok empty");
    for (int i = 1; i < count; i++) {
        int failed = replay(paths[i]);
        printf("%s %s\n", failed ? "not ok" : "ok", paths[i]);
        failures += failed;
    }
    return failures != 0;
}
