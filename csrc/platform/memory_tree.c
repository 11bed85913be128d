#include <string.h>

#include "platform/memory_world.h"

/* ------------------------------------------------------------------------------------------- nodes */

memory_node *tally_memory_node_new(memory_world *world, bool is_directory, uint32_t mode)
{
    memory_node *node = tally_memory_allocate(sizeof *node);
    if (node == NULL) return NULL;
    memset(node, 0, sizeof *node);
    node->inode = world->next_inode++;
    node->references = 1;
    node->mode = mode & 07777;
    node->is_directory = is_directory;
    node->locked_by = TALLY_FILE_NONE;
    return node;
}

void tally_memory_node_hold(memory_node *node) { node->references++; }

void tally_memory_changes_drop(memory_node *node)
{
    while (node->first_change != NULL) {
        memory_change *change = node->first_change;
        node->first_change = change->next;
        tally_memory_release(change);
    }
    node->last_change = NULL;
}

static void names_free(memory_world *world, memory_names *names)
{
    for (size_t i = 0; i < names->count; i++) tally_memory_node_drop(world, names->entries[i].node);
    tally_memory_release(names->entries);
}

/* Recursion is as deep as the directories are. */
void tally_memory_node_drop(memory_world *world, memory_node *node)
{
    if (--node->references > 0) return;
    names_free(world, &node->names);
    names_free(world, &node->durable_names);
    world->used_bytes -= node->current.size;
    tally_memory_changes_drop(node);
    tally_memory_bytes_free(&node->current);
    tally_memory_bytes_free(&node->durable);
    tally_memory_release(node);
}

/* ------------------------------------------------------------------------------------------- names */

static memory_entry *find_entry(const memory_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->entries[i].name, name) == 0) return &names->entries[i];
    }
    return NULL;
}

memory_node *tally_memory_find(const memory_names *names, const char *name)
{
    const memory_entry *entry = find_entry(names, name);
    return entry == NULL ? NULL : entry->node;
}

static memory_entry *add_entry(memory_names *names)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 4 : names->capacity * 2;
        memory_entry *entries = tally_memory_allocate(capacity * sizeof *entries);
        if (entries == NULL) return NULL;
        if (names->count > 0) memcpy(entries, names->entries, names->count * sizeof *entries);
        tally_memory_release(names->entries);
        names->entries = entries;
        names->capacity = capacity;
    }
    return &names->entries[names->count++];
}

bool tally_memory_set_name(memory_world *world, memory_names *names, const char *name, memory_node *node)
{
    memory_entry *entry = find_entry(names, name);
    if (node == NULL) {
        if (entry == NULL) return true;
        memory_node *old = entry->node;
        *entry = names->entries[--names->count];
        tally_memory_node_drop(world, old);
        return true;
    }
    tally_memory_node_hold(node); /* before the drop: they may be the same */
    if (entry != NULL) {
        tally_memory_node_drop(world, entry->node);
        entry->node = node;
        return true;
    }
    entry = add_entry(names);
    if (entry == NULL) {
        node->references--;
        return false;
    }
    memcpy(entry->name, name, strlen(name) + 1);
    entry->node = node;
    return true;
}

/* ------------------------------------------------------------------------------------------- paths */

/* Takes the next name of a path; false at its end. Slashes and "." are stepped over. */
static bool next_name(const char **path, char name[TALLY_MEMORY_NAME_MAX + 1], tally_status *status)
{
    for (;;) {
        *path += strspn(*path, "/");
        size_t length = strcspn(*path, "/");
        if (length == 0) return false;
        if (length > TALLY_MEMORY_NAME_MAX) {
            *status = TALLY_E_LENGTH;
            return false;
        }
        memcpy(name, *path, length);
        name[length] = '\0';
        *path += length;
        if (strcmp(name, ".") != 0) return true;
    }
}

/* Walks to the directory of the last name; `name` is "" for the root itself. ".." is refused: the
 * library builds no such path, and half of a rule would be worse than none. */
memory_node *tally_memory_resolve_parent(memory_world *world, const char *path, char name[TALLY_MEMORY_NAME_MAX + 1],
                                         tally_status *status)
{
    memory_node *directory = world->root;
    char next[TALLY_MEMORY_NAME_MAX + 1];
    name[0] = '\0';
    *status = TALLY_OK;
    while (next_name(&path, next, status)) {
        if (strcmp(next, "..") == 0) {
            *status = TALLY_E_UNSUPPORTED;
            return NULL;
        }
        if (name[0] != '\0') {
            directory = tally_memory_find(&directory->names, name);
            if (directory == NULL || !directory->is_directory) {
                *status = TALLY_E_NOT_FOUND;
                return NULL;
            }
        }
        memcpy(name, next, sizeof next);
    }
    return *status == TALLY_OK ? directory : NULL;
}

memory_node *tally_memory_resolve(memory_world *world, const char *path, tally_status *status)
{
    char name[TALLY_MEMORY_NAME_MAX + 1];
    memory_node *directory = tally_memory_resolve_parent(world, path, name, status);
    if (directory == NULL || name[0] == '\0') return directory;
    memory_node *node = tally_memory_find(&directory->names, name);
    if (node == NULL) *status = TALLY_E_NOT_FOUND;
    return node;
}

/* ------------------------------------------------------------------------------- changes of names */

void tally_memory_name_changes_free(memory_world *world, memory_name_change **first)
{
    while (*first != NULL) {
        memory_name_change *change = *first;
        *first = change->next;
        tally_memory_node_drop(world, change->directory);
        if (change->node != NULL) tally_memory_node_drop(world, change->node);
        if (change->from_directory != NULL) tally_memory_node_drop(world, change->from_directory);
        tally_memory_release(change);
    }
}

tally_status tally_memory_change_name(memory_world *world, memory_node *directory, const char *name, memory_node *node,
                                      memory_node *from_directory, const char *from_name)
{
    memory_name_change *change = tally_memory_allocate(sizeof *change);
    if (change == NULL) return TALLY_E_NO_MEMORY;
    memset(change, 0, sizeof *change);
    if (!tally_memory_set_name(world, &directory->names, name, node)) {
        tally_memory_release(change);
        return TALLY_E_NO_MEMORY;
    }
    change->operation = world->next_operation++;
    change->directory = directory;
    tally_memory_node_hold(directory);
    change->node = node;
    if (node != NULL) tally_memory_node_hold(node);
    memcpy(change->name, name, strlen(name) + 1);
    if (from_directory != NULL) {
        change->from_directory = from_directory;
        tally_memory_node_hold(from_directory);
        memcpy(change->from_name, from_name, strlen(from_name) + 1);
        (void)tally_memory_set_name(world, &from_directory->names, from_name, NULL);
    }
    if (world->last_name_change == NULL) world->first_name_change = change;
    else world->last_name_change->next = change;
    world->last_name_change = change;
    return TALLY_OK;
}

bool tally_memory_apply_name(memory_world *world, const memory_name_change *change)
{
    if (!tally_memory_set_name(world, &change->directory->durable_names, change->name, change->node)) return false;
    if (change->from_directory == NULL) return true;
    /* The old name may mean something else by now, when only some changes reached the device. */
    memory_names *from = &change->from_directory->durable_names;
    if (tally_memory_find(from, change->from_name) != change->node) return true;
    return tally_memory_set_name(world, from, change->from_name, NULL);
}
