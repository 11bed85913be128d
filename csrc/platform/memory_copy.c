#include <string.h>

#include "base/error.h"
#include "platform/memory_world.h"

/* A copy has an image of every node that a name leads to, now, on the device, or in a change of names
 * that is not on the device yet. A file that only open handles know dies with them. */

static bool copy_changes(memory_node *image, const memory_node *node)
{
    memory_change **link = &image->first_change;
    for (const memory_change *change = node->first_change; change != NULL; change = change->next) {
        size_t size_bytes = sizeof *change + change->length;
        memory_change *copy = tally_memory_allocate(size_bytes);
        if (copy == NULL) return false;
        memcpy(copy, change, size_bytes);
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
        image->last_change = copy;
    }
    return true;
}

static memory_node *image_of(memory_world *copy, memory_node *node);

static bool copy_names(memory_world *copy, memory_names *to, const memory_names *from)
{
    for (size_t i = 0; i < from->count; i++) {
        memory_node *image = image_of(copy, from->entries[i].node);
        if (image == NULL || !tally_memory_set_name(copy, to, from->entries[i].name, image)) return false;
    }
    return true;
}

/* The image of a node, made when it is first asked for; `node->image` holds it until the end. */
static memory_node *image_of(memory_world *copy, memory_node *node)
{
    if (node->image != NULL) return node->image;
    memory_node *image = tally_memory_node_new(copy, node->is_directory, node->mode);
    if (image == NULL) return NULL;
    image->inode = node->inode;
    node->image = image;
    if (!tally_memory_bytes_copy(&image->current, &node->current)) return NULL;
    copy->used_bytes += image->current.size;
    if (!tally_memory_bytes_copy(&image->durable, &node->durable) || !copy_changes(image, node)) return NULL;
    if (!copy_names(copy, &image->names, &node->names)) return NULL;
    return copy_names(copy, &image->durable_names, &node->durable_names) ? image : NULL;
}

static memory_node *hold_image(memory_world *copy, memory_node *node)
{
    memory_node *image = image_of(copy, node);
    if (image != NULL) tally_memory_node_hold(image);
    return image;
}

/* On failure the half of a change is in the list as well, and freed with it. */
static bool copy_name_change(memory_world *copy, const memory_name_change *change)
{
    memory_name_change *made = tally_memory_allocate(sizeof *made);
    if (made == NULL) return false;
    *made = *change;
    made->next = NULL;
    made->node = NULL;
    made->from_directory = NULL;
    made->directory = hold_image(copy, change->directory);
    if (made->directory == NULL) {
        tally_memory_release(made);
        return false;
    }
    if (copy->last_name_change == NULL) copy->first_name_change = made;
    else copy->last_name_change->next = made;
    copy->last_name_change = made;
    if (change->node != NULL && (made->node = hold_image(copy, change->node)) == NULL) return false;
    if (change->from_directory == NULL) return true;
    made->from_directory = hold_image(copy, change->from_directory);
    return made->from_directory != NULL;
}

static void forget_images(memory_world *copy, memory_node *node)
{
    if (node == NULL || node->image == NULL) return;
    memory_node *image = node->image;
    node->image = NULL;
    tally_memory_node_drop(copy, image);
    for (size_t i = 0; i < node->names.count; i++) forget_images(copy, node->names.entries[i].node);
    for (size_t i = 0; i < node->durable_names.count; i++) forget_images(copy, node->durable_names.entries[i].node);
}

static bool build(memory_world *copy, memory_world *world)
{
    memory_node *root = hold_image(copy, world->root);
    bool built = root != NULL;
    if (built) {
        tally_memory_node_drop(copy, copy->root);
        copy->root = root;
    }
    for (const memory_name_change *change = world->first_name_change; built && change != NULL; change = change->next) {
        built = copy_name_change(copy, change);
    }
    forget_images(copy, world->root);
    for (const memory_name_change *change = world->first_name_change; change != NULL; change = change->next) {
        forget_images(copy, change->directory);
        forget_images(copy, change->node);
        forget_images(copy, change->from_directory);
    }
    return built;
}

tally_status tally_memory_copy(const tally_platform *platform, tally_platform **copy, tally_error *error)
{
    *copy = NULL;
    if (!tally_memory_is_world(platform)) return tally_fail(error, TALLY_E_TYPE, "the platform is no world in memory");
    memory_world *world = tally_memory_world(platform->context);
    memory_world *made = tally_memory_world_new(world->seed);
    if (made == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the copy of a world");
    tally_memory_lock(world);
    bool built = build(made, world);
    made->wall_us = world->wall_us;
    made->space_bytes = world->space_bytes;
    made->remote = world->remote;
    made->syncs = world->syncs;
    made->next_inode = world->next_inode;
    made->next_operation = world->next_operation;
    made->random_state = world->random_state;
    memcpy(made->boot_id, world->boot_id, sizeof made->boot_id);
    tally_memory_unlock(world);
    if (!built) {
        tally_memory_world_free(made);
        return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the copy of a world");
    }
    *copy = &made->table;
    return TALLY_OK;
}
