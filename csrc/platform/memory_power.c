#include <string.h>

#include "base/error.h"
#include "platform/memory_world.h"

/* A power cut builds a new world out of what was on the device and those of the unsynced pieces that
 * the test lets survive. Every node of the old world that is still reachable gets an image. */

typedef struct power_cut {
    memory_world *after;
    tally_memory_survives survives;
    void *user_data;
} power_cut;

static bool survives(const power_cut *cut, const tally_memory_piece *piece)
{
    return cut->survives != NULL && cut->survives(cut->user_data, piece);
}

/* ------------------------------------------------------------------------------------------- pieces */

static tally_memory_piece size_piece(const memory_node *node, const memory_change *change)
{
    return (tally_memory_piece){TALLY_MEMORY_SIZE, 0, change->operation, node->inode, change->size, 0};
}

/* The piece of a write that begins `done` bytes into it and ends with its sector. */
static tally_memory_piece sector_piece(const memory_node *node, const memory_change *change, size_t done)
{
    uint64_t offset = change->offset + done;
    size_t to_border = (size_t)(TALLY_MEMORY_SECTOR - offset % TALLY_MEMORY_SECTOR);
    size_t left = change->length - done;
    size_t length = left < to_border ? left : to_border;
    return (tally_memory_piece){TALLY_MEMORY_BYTES, 0, change->operation, node->inode, offset, length};
}

static tally_memory_piece name_piece(const memory_name_change *change)
{
    return (tally_memory_piece){TALLY_MEMORY_NAME, 0, change->operation, change->directory->inode, 0, 0};
}

/* ---------------------------------------------------------------------------------- bytes of a file */

/* A size that did not survive cuts off the bytes behind it; bytes that did not survive leave what was
 * there, zeros in a new part. */
static bool apply_change(const power_cut *cut, const memory_node *node, const memory_change *change,
                         tally_memory_bytes *bytes, uint64_t *size_before)
{
    if (change->size != *size_before) {
        tally_memory_piece piece = size_piece(node, change);
        if (survives(cut, &piece) && !tally_memory_bytes_resize(bytes, change->size)) return false;
        *size_before = change->size;
    }
    for (size_t done = 0; done < change->length;) {
        tally_memory_piece piece = sector_piece(node, change, done);
        size_t length = piece.length;
        if (survives(cut, &piece) && piece.offset < bytes->size) {
            uint64_t room = bytes->size - piece.offset;
            if (room < length) length = (size_t)room;
            if (!tally_memory_bytes_write(bytes, piece.offset, change->data + done, length)) return false;
        }
        done += piece.length;
    }
    return true;
}

static bool image_bytes(const power_cut *cut, const memory_node *node, tally_memory_bytes *bytes)
{
    uint64_t size = node->durable.size;
    if (!tally_memory_bytes_copy(bytes, &node->durable)) return false;
    for (const memory_change *change = node->first_change; change != NULL; change = change->next) {
        if (!apply_change(cut, node, change, bytes, &size)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------ the tree */

/* The image of a node, made when it is first asked for. The caller gets no reference; every image is
 * held by `node->image` until the end. */
static memory_node *image_of(const power_cut *cut, memory_node *node)
{
    if (node->image != NULL) return node->image;
    memory_node *image = tally_memory_node_new(cut->after, node->is_directory, node->mode);
    if (image == NULL) return NULL;
    image->inode = node->inode;
    if (cut->after->next_inode <= node->inode) cut->after->next_inode = node->inode + 1;
    node->image = image;
    if (!image_bytes(cut, node, &image->durable) || !tally_memory_bytes_copy(&image->current, &image->durable)) {
        return NULL;
    }
    cut->after->used_bytes += image->current.size;
    for (size_t i = 0; i < node->durable_names.count; i++) {
        const memory_entry *entry = &node->durable_names.entries[i];
        memory_node *child = image_of(cut, entry->node);
        if (child == NULL) return NULL;
        if (!tally_memory_set_name(cut->after, &image->durable_names, entry->name, child)) return NULL;
    }
    return image;
}

/* Repeats a surviving change of names among the images. */
static bool image_name_change(const power_cut *cut, const memory_name_change *change)
{
    memory_name_change repeated = *change;
    tally_memory_piece piece = name_piece(change);
    if (!survives(cut, &piece)) return true;
    repeated.directory = image_of(cut, change->directory);
    if (repeated.directory == NULL) return false;
    if (change->node != NULL && (repeated.node = image_of(cut, change->node)) == NULL) return false;
    if (change->from_directory != NULL && (repeated.from_directory = image_of(cut, change->from_directory)) == NULL) {
        return false;
    }
    return tally_memory_apply_name(cut->after, &repeated);
}

/* What is on the device is what the new world begins with. */
static bool begin_with_durable_names(memory_world *after, memory_node *node)
{
    for (size_t i = 0; i < node->durable_names.count; i++) {
        const memory_entry *entry = &node->durable_names.entries[i];
        if (!tally_memory_set_name(after, &node->names, entry->name, entry->node)) return false;
        if (!begin_with_durable_names(after, entry->node)) return false;
    }
    return true;
}

static void forget_images(memory_world *after, memory_node *node)
{
    if (node->image == NULL) return;
    tally_memory_node_drop(after, node->image);
    node->image = NULL;
    for (size_t i = 0; i < node->durable_names.count; i++) forget_images(after, node->durable_names.entries[i].node);
}

static bool build(const power_cut *cut, memory_world *before)
{
    memory_node *root = image_of(cut, before->root);
    bool built = root != NULL;
    for (memory_name_change *change = before->first_name_change; built && change != NULL; change = change->next) {
        built = image_name_change(cut, change);
    }
    if (built) {
        tally_memory_node_drop(cut->after, cut->after->root);
        tally_memory_node_hold(root);
        cut->after->root = root;
        built = begin_with_durable_names(cut->after, root);
    }
    forget_images(cut->after, before->root);
    for (memory_name_change *change = before->first_name_change; change != NULL; change = change->next) {
        forget_images(cut->after, change->directory);
        if (change->node != NULL) forget_images(cut->after, change->node);
        if (change->from_directory != NULL) forget_images(cut->after, change->from_directory);
    }
    return built;
}

tally_status tally_memory_power_cut(const tally_platform *platform, tally_memory_survives survive, void *user_data,
                                    tally_platform **after, tally_error *error)
{
    *after = NULL;
    if (!tally_memory_is_world(platform)) return tally_fail(error, TALLY_E_TYPE, "the platform is no world in memory");
    memory_world *before = tally_memory_world(platform->context);
    memory_world *world = tally_memory_world_new(before->seed);
    if (world == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the image of a world");
    power_cut cut = {world, survive, user_data};
    tally_memory_lock(before);
    world->wall_us = before->wall_us;
    world->space_bytes = before->space_bytes;
    world->remote = before->remote;
    world->next_operation = before->next_operation;
    world->random_state = before->random_state;
    tally_memory_new_boot(world);
    bool built = build(&cut, before);
    tally_memory_unlock(before);
    if (!built) {
        tally_memory_world_free(world);
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the image of a world");
    }
    *after = &world->table;
    return TALLY_OK;
}

/* ------------------------------------------------------------------------------------ looking at it */

typedef struct listing {
    void (*visit)(void *user_data, const tally_memory_piece *piece);
    void *user_data;
} listing;

static bool list_piece(void *user_data, const tally_memory_piece *piece)
{
    const listing *to = user_data;
    to->visit(to->user_data, piece);
    return true;
}

/* A power cut that everything survives asks about everything. */
void tally_memory_unsynced(const tally_platform *platform, void (*visit)(void *user_data, const tally_memory_piece *),
                           void *user_data)
{
    listing to = {visit, user_data};
    tally_platform *after;
    if (tally_memory_power_cut(platform, list_piece, &to, &after, NULL) == TALLY_OK) {
        (void)tally_platform_memory_close(&after);
    }
}

void tally_memory_progress(const tally_platform *platform, uint64_t *changes, uint64_t *syncs)
{
    memory_world *world = tally_memory_world(platform->context);
    tally_memory_lock(world);
    *changes = world->next_operation;
    *syncs = world->syncs;
    tally_memory_unlock(world);
}

void tally_memory_set_remote(const tally_platform *platform, bool remote)
{
    memory_world *world = tally_memory_world(platform->context);
    tally_memory_lock(world);
    world->remote = remote;
    tally_memory_unlock(world);
}

void tally_memory_set_space(const tally_platform *platform, uint64_t size_bytes)
{
    memory_world *world = tally_memory_world(platform->context);
    tally_memory_lock(world);
    world->space_bytes = size_bytes;
    tally_memory_unlock(world);
}

uint64_t tally_memory_used_space(const tally_platform *platform)
{
    memory_world *world = tally_memory_world(platform->context);
    tally_memory_lock(world);
    uint64_t used = world->used_bytes;
    tally_memory_unlock(world);
    return used;
}
