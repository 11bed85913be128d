#define _GNU_SOURCE
#include "contest.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const char *base_directory;

const uint8_t *event_data(uint64_t number)
{
    static uint8_t *data;
    if (data == NULL) {
        uint8_t *made = malloc((size_t)DATA_MANY * 64 + LARGE);
        must(made != NULL, "memory for the data");
        uint64_t state = 88172645463325252u;
        for (size_t i = 0; i < (size_t)DATA_MANY * 64 + LARGE; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            made[i] = (uint8_t)state;
        }
        data = made;
    }
    return data + number % DATA_MANY * 64;
}

const char *event_stream(uint64_t number, size_t *length)
{
    static char names[STREAMS][16];
    static size_t lengths[STREAMS];
    if (lengths[0] == 0)
        for (size_t i = STREAMS; i-- > 0;) lengths[i] = (size_t)snprintf(names[i], sizeof names[i], "account/%zu", i);
    *length = lengths[number % STREAMS];
    return names[number % STREAMS];
}

void remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL) return;
    char name[1024];
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (unlink(name) != 0) remove_directory(name);
    }
    (void)closedir(directory);
    (void)rmdir(path);
}

const char *fresh_directory(const char *name)
{
    static char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", base_directory, name);
    remove_directory(path);
    must(mkdir(path, 0700) == 0, "making a directory");
    return path;
}

static uint64_t walk(const char *path, bool forget, bool *ok)
{
    uint64_t bytes = 0;
    DIR *directory = opendir(path);
    if (directory == NULL) return 0;
    char name[1024];
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (entry->d_name[0] == '.') continue;
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        struct stat status;
        if (stat(name, &status) != 0) continue;
        if (S_ISDIR(status.st_mode)) {
            bytes += walk(name, forget, ok);
            continue;
        }
        bytes += (uint64_t)status.st_blocks * 512;
        if (!forget) continue;
        int file = open(name, O_RDONLY | O_CLOEXEC);
        if (file < 0 || fsync(file) != 0 || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0) *ok = false;
        if (file >= 0) (void)close(file);
    }
    (void)closedir(directory);
    return bytes;
}

uint64_t directory_bytes(const char *path)
{
    bool ok = true;
    return walk(path, false, &ok);
}

bool forget_cache(const char *path)
{
    bool ok = true;
    (void)walk(path, true, &ok);
    return ok;
}
