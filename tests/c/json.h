/* Reads JSON of our own vectors: a tree of nodes, freed as a whole. What is not JSON ends the program: the vectors
 * are ours. Texts are decoded where they lie. */
#ifndef TALLY_TEST_JSON_H
#define TALLY_TEST_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tallystick/event.h>

typedef struct json {
    const char *key; /* of a member; "" otherwise */
    char kind;       /* '{' '[' '"' '0' 't' 'f' 'n' */
    char *text;      /* NUL-terminated, may hold NULs */
    size_t length;
    uint64_t number;
    struct json *first, *next;
} json;

typedef struct json_file {
    char *text;
    char *at;
    json *nodes;
    size_t count, capacity;
} json_file;

static void json_die(const char *why)
{
    fprintf(stderr, "vectors: %s\n", why);
    abort();
}

static void json_space(json_file *file)
{
    while (*file->at != '\0' && strchr(" \t\r\n,:", *file->at) != NULL) file->at++;
}

static char *json_put(char *to, uint32_t letter)
{
    if (letter < 0x80) {
        *to++ = (char)letter;
    } else if (letter < 0x800) {
        *to++ = (char)(0xC0 | letter >> 6);
        *to++ = (char)(0x80 | (letter & 0x3F));
    } else {
        *to++ = (char)(0xE0 | letter >> 12);
        *to++ = (char)(0x80 | (letter >> 6 & 0x3F));
        *to++ = (char)(0x80 | (letter & 0x3F));
    }
    return to;
}

static char *json_string(json_file *file, size_t *length)
{
    char *start = ++file->at, *to = start;
    while (*file->at != '"') {
        char c = *file->at++;
        if (c == '\0') json_die("a text that does not end");
        if (c != '\\') {
            *to++ = c;
            continue;
        }
        c = *file->at++;
        if (c == 'u') {
            char digits[5] = {file->at[0], file->at[1], file->at[2], file->at[3], '\0'};
            to = json_put(to, (uint32_t)strtoul(digits, NULL, 16));
            file->at += 4;
        } else {
            static const char from[] = "nrtbf", into[] = "\n\r\t\b\f";
            const char *found = strchr(from, c);
            if (found != NULL && c != '\0') c = into[found - from];
            *to++ = c;
        }
    }
    file->at++;
    *length = (size_t)(to - start);
    *to = '\0';
    return start;
}

static json *json_value(json_file *file);

static void json_members(json_file *file, json *node, char end)
{
    json **link = &node->first;
    for (json_space(file); *file->at != end; json_space(file)) {
        const char *key = "";
        size_t length;
        if (node->kind == '{') key = json_string(file, &length);
        json_space(file);
        *link = json_value(file);
        (*link)->key = key;
        link = &(*link)->next;
        node->length++;
    }
    file->at++;
}

static json *json_value(json_file *file)
{
    if (file->count == file->capacity) json_die("more values than room");
    json *node = &file->nodes[file->count++];
    *node = (json){.key = "", .kind = *file->at};
    if (node->kind == '{' || node->kind == '[') {
        file->at++;
        json_members(file, node, node->kind == '{' ? '}' : ']');
    } else if (node->kind == '"') {
        node->text = json_string(file, &node->length);
    } else {
        char *end = file->at + strcspn(file->at, ",]} \n");
        if (node->kind >= '0' && node->kind <= '9') {
            node->kind = '0';
            node->number = strtoull(file->at, NULL, 10);
        } else {
            node->number = node->kind == 't';
        }
        file->at = end;
    }
    return node;
}

static json *json_open(json_file *file, const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) json_die("cannot be opened; run the tests from the project's folder");
    if (fseek(stream, 0, SEEK_END) != 0) json_die("cannot be read");
    size_t length = (size_t)ftell(stream);
    rewind(stream);
    file->text = malloc(length + 1);
    if (file->text == NULL || fread(file->text, 1, length, stream) != length) json_die("cannot be read");
    (void)fclose(stream);
    file->text[length] = '\0';
    file->at = file->text;
    file->count = 0;
    file->capacity = length / 4;
    file->nodes = malloc(file->capacity * sizeof *file->nodes);
    if (file->nodes == NULL) json_die("no memory");
    json_space(file);
    return json_value(file);
}

static void json_close(json_file *file)
{
    free(file->text);
    free(file->nodes);
}

/* NULL when there is none. */
static const json *json_find(const json *node, const char *key)
{
    for (const json *member = node->first; member != NULL; member = member->next)
        if (strcmp(member->key, key) == 0) return member;
    return NULL;
}

static const json *json_get(const json *node, const char *key)
{
    const json *found = json_find(node, key);
    if (found == NULL) json_die(key);
    return found;
}

__attribute__((unused)) static uint64_t json_number(const json *node, const char *key)
{
    const json *found = json_find(node, key);
    return found == NULL ? 0 : found->number;
}

__attribute__((unused)) static tally_text json_text(const json *node, const char *key)
{
    const json *found = json_find(node, key);
    return found == NULL ? (tally_text){NULL, 0} : (tally_text){found->text, found->length};
}

static size_t json_bytes(const char *hex, uint8_t *bytes, size_t capacity)
{
    size_t length = strlen(hex) / 2;
    if (length > capacity) json_die("more bytes than room");
    for (size_t i = 0; i < length; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return length;
}

__attribute__((unused)) static size_t json_hex(const json *node, const char *key, uint8_t *bytes, size_t capacity)
{
    return json_bytes(json_get(node, key)->text, bytes, capacity);
}

#endif
