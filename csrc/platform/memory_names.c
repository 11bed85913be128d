#include <string.h>

#include "platform/memory_world.h"

/* The directory and the last name of a path, for what changes names; the root has none to change. */
static memory_node *place_of(memory_world *world, const char *path, char name[TALLY_MEMORY_NAME_MAX + 1],
                             tally_status *status)
{
    memory_node *directory = tally_memory_resolve_parent(world, path, name, status);
    if (directory == NULL || name[0] != '\0') return directory;
    *status = TALLY_E_DENIED;
    return NULL;
}

/* ----------------------------------------------------------------------------------- make and remove */

static tally_status make_directory(void *context, const char *path, uint32_t mode, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    char name[TALLY_MEMORY_NAME_MAX + 1];
    tally_status status;
    *os_error = 0;
    tally_memory_lock(world);
    memory_node *directory = place_of(world, path, name, &status);
    if (directory != NULL && tally_memory_find(&directory->names, name) != NULL) {
        status = TALLY_E_EXISTS;
    } else if (directory != NULL) {
        memory_node *made = tally_memory_node_new(world, true, mode);
        status = made == NULL ? TALLY_E_NO_MEMORY : tally_memory_change_name(world, directory, name, made, NULL, NULL);
        if (made != NULL) tally_memory_node_drop(world, made);
    }
    tally_memory_unlock(world);
    return status;
}

static tally_status remove_name(void *context, const char *path, bool is_directory, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    char name[TALLY_MEMORY_NAME_MAX + 1];
    tally_status status;
    *os_error = 0;
    tally_memory_lock(world);
    memory_node *directory = place_of(world, path, name, &status);
    if (directory != NULL) {
        const memory_node *node = tally_memory_find(&directory->names, name);
        if (node == NULL || (!node->is_directory && is_directory)) status = TALLY_E_NOT_FOUND;
        else if (node->is_directory && !is_directory) status = TALLY_E_ARGUMENT;
        else if (node->names.count > 0) status = TALLY_E_EXISTS;
        else status = tally_memory_change_name(world, directory, name, NULL, NULL, NULL);
    }
    tally_memory_unlock(world);
    return status;
}

static tally_status remove_file(void *context, const char *path, int32_t *os_error)
{
    return remove_name(context, path, false, os_error);
}

static tally_status remove_directory(void *context, const char *path, int32_t *os_error)
{
    return remove_name(context, path, true, os_error);
}

/* ------------------------------------------------------------------------------------------ rename */

/* Directories stay under their parent: so no order of renames, and no part of them that a power cut
 * keeps, can make a directory its own ancestor. */
static tally_status may_replace(const memory_node *moved, const memory_node *replaced, bool same_parent)
{
    if (moved->is_directory && !same_parent) return TALLY_E_UNSUPPORTED;
    if (replaced == NULL) return TALLY_OK;
    if (replaced->is_directory && !moved->is_directory) return TALLY_E_ARGUMENT;
    if (!replaced->is_directory && moved->is_directory) return TALLY_E_NOT_FOUND;
    return replaced->names.count > 0 ? TALLY_E_EXISTS : TALLY_OK;
}

static tally_status rename_file(void *context, const char *from, const char *to, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    char from_name[TALLY_MEMORY_NAME_MAX + 1];
    char to_name[TALLY_MEMORY_NAME_MAX + 1];
    tally_status status;
    *os_error = 0;
    tally_memory_lock(world);
    memory_node *to_directory = NULL;
    memory_node *from_directory = place_of(world, from, from_name, &status);
    if (from_directory != NULL) to_directory = place_of(world, to, to_name, &status);
    if (to_directory != NULL) {
        memory_node *moved = tally_memory_find(&from_directory->names, from_name);
        const memory_node *replaced = tally_memory_find(&to_directory->names, to_name);
        if (moved == NULL) status = TALLY_E_NOT_FOUND;
        else if (moved != replaced) status = may_replace(moved, replaced, from_directory == to_directory);
        if (status == TALLY_OK && moved != replaced) {
            status = tally_memory_change_name(world, to_directory, to_name, moved, from_directory, from_name);
        }
    }
    tally_memory_unlock(world);
    return status;
}

/* ------------------------------------------------------------------------------------ list and sync */

static memory_node *find_directory(memory_world *world, const char *path, tally_status *status)
{
    memory_node *node = tally_memory_resolve(world, path, status);
    if (node == NULL || node->is_directory) return node;
    *status = TALLY_E_NOT_FOUND;
    return NULL;
}

/* The visitor runs under no lock, over a copy: it may well remove what it is shown. */
static tally_status list_directory(void *context, const char *path, int32_t (*visit)(void *user_data, const char *name),
                                   void *user_data, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    memory_entry *entries = NULL;
    size_t count = 0;
    *os_error = 0;
    tally_memory_lock(world);
    const memory_node *directory = find_directory(world, path, &status);
    if (directory != NULL && directory->names.count > 0) {
        entries = tally_memory_allocate(directory->names.count * sizeof *entries);
        if (entries == NULL) {
            status = TALLY_E_NO_MEMORY;
        } else {
            count = directory->names.count;
            memcpy(entries, directory->names.entries, count * sizeof *entries);
        }
    }
    tally_memory_unlock(world);
    for (size_t i = 0; i < count; i++) {
        if (visit(user_data, entries[i].name) != 0) break;
    }
    tally_memory_release(entries);
    return status;
}

static tally_status is_remote(void *context, const char *path, int32_t *remote, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    *os_error = 0;
    tally_memory_lock(world);
    *remote = tally_memory_resolve(world, path, &status) != NULL && world->remote ? 1 : 0;
    tally_memory_unlock(world);
    return status;
}

static bool is_to_be_synced(const memory_name_change *change)
{
    return change->directory->synced_to >= change->operation ||
           (change->from_directory != NULL && change->from_directory->synced_to >= change->operation);
}

/* Raises `synced_to` of a directory; whether that was needed. */
static bool sync_up_to(memory_node *directory, uint64_t operation)
{
    if (directory == NULL || directory->synced_to >= operation) return false;
    directory->synced_to = operation;
    return true;
}

/* A rename between two directories is one step, on the device when either is synced. So what was done
 * before it in the other one is then there as well: else an older change, kept back, would undo it. */
static void mark_for_sync(memory_world *world, memory_node *directory)
{
    bool again = sync_up_to(directory, UINT64_MAX);
    while (again) {
        again = false;
        for (memory_name_change *change = world->first_name_change; change != NULL; change = change->next) {
            if (!is_to_be_synced(change)) continue;
            if (sync_up_to(change->directory, change->operation)) again = true;
            if (sync_up_to(change->from_directory, change->operation)) again = true;
        }
    }
}

/* Makes what is marked durable, in order, and takes it off the list. */
static tally_status apply_marked(memory_world *world)
{
    tally_status status = TALLY_OK;
    memory_name_change *last_kept = NULL;
    memory_name_change **link = &world->first_name_change;
    while (*link != NULL) {
        memory_name_change *change = *link;
        if (status == TALLY_OK && is_to_be_synced(change)) {
            if (tally_memory_apply_name(world, change)) {
                world->syncs++;
                *link = change->next;
                change->next = world->applied;
                world->applied = change;
                continue;
            }
            status = TALLY_E_NO_MEMORY;
        }
        last_kept = change;
        link = &change->next;
    }
    world->last_name_change = last_kept;
    return status;
}

static void unmark(const memory_name_change *change)
{
    for (; change != NULL; change = change->next) {
        change->directory->synced_to = 0;
        if (change->from_directory != NULL) change->from_directory->synced_to = 0;
    }
}

static tally_status sync_directory(void *context, const char *path, int32_t *os_error)
{
    memory_world *world = tally_memory_world(context);
    tally_status status;
    *os_error = 0;
    tally_memory_lock(world);
    memory_node *directory = find_directory(world, path, &status);
    if (directory != NULL) {
        mark_for_sync(world, directory);
        status = apply_marked(world);
        directory->synced_to = 0;
        unmark(world->first_name_change);
        unmark(world->applied);
        tally_memory_name_changes_free(world, &world->applied);
    }
    tally_memory_unlock(world);
    return status;
}

void tally_memory_fill_names(tally_platform *table)
{
    table->make_directory = make_directory;
    table->remove_file = remove_file;
    table->remove_directory = remove_directory;
    table->rename_file = rename_file;
    table->list_directory = list_directory;
    table->is_remote = is_remote;
    table->sync_directory = sync_directory;
}
