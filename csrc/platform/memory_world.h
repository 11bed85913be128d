/* The data of a world in memory; for the memory_*.c files only. */
#ifndef TALLY_PLATFORM_MEMORY_WORLD_H
#define TALLY_PLATFORM_MEMORY_WORLD_H

#include "platform/memory.h"
#include "platform/memory_bytes.h"

#define TALLY_MEMORY_NAME_MAX 255

typedef struct memory_node memory_node;

/* A change to a file that is not on the device yet. */
typedef struct memory_change {
    struct memory_change *next;
    uint64_t operation;
    uint64_t size;   /* of the file after it */
    uint64_t offset; /* of the written bytes */
    size_t length;   /* 0: only the size changed */
    unsigned char data[];
} memory_change;

typedef struct memory_entry {
    memory_node *node;
    char name[TALLY_MEMORY_NAME_MAX + 1];
} memory_entry;

typedef struct memory_names {
    memory_entry *entries;
    size_t count;
    size_t capacity;
} memory_names;

/* A file or directory.
 *
 * invariant: `references` counts the entries, name changes, open files and maps that point here;
 * it is freed with the last one. durable + the changes, but for failed syncs, is current. */
struct memory_node {
    uint64_t inode;
    uint32_t references;
    uint32_t mode;
    bool is_directory;
    tally_file locked_by;
    tally_memory_bytes current; /* of a file */
    tally_memory_bytes durable;
    memory_change *first_change;
    memory_change *last_change;
    memory_names names; /* of a directory */
    memory_names durable_names;
    uint64_t synced_to; /* while a directory is synced: changes up to this one are to be durable */
    memory_node *image; /* while a power cut builds a new world: what this became there */
};

/* One change of one name, or of two in one step (a rename), that is not on the device yet. */
typedef struct memory_name_change {
    struct memory_name_change *next;
    uint64_t operation;
    memory_node *directory;
    memory_node *node;           /* what the name means from now on; NULL: nothing */
    memory_node *from_directory; /* of a rename; else NULL */
    char name[TALLY_MEMORY_NAME_MAX + 1];
    char from_name[TALLY_MEMORY_NAME_MAX + 1];
} memory_name_change;

typedef struct memory_open_file {
    memory_node *node; /* NULL: free */
    uint32_t flags;
    uint32_t generation;
} memory_open_file;

typedef struct memory_map {
    struct memory_map *next;
    memory_node *node;
    uint64_t offset;
    size_t length;
    unsigned char data[]; /* a copy that writes keep up to date; exact, so that sanitizers see an overrun */
} memory_map;

/* invariant: everything but the table and the process is guarded by `mutex` */
typedef struct memory_world {
    tally_platform table; /* first: the table's address is the world's */
    uint64_t process;     /* that made it; never changes */
    tally_mutex mutex;
    memory_node *root;
    memory_name_change *first_name_change;
    memory_name_change *last_name_change;
    memory_name_change *applied; /* while a directory is synced: changes that are durable now */
    memory_open_file *files;
    size_t file_count;
    memory_map *maps;
    uint64_t next_inode;
    uint64_t next_operation;
    uint64_t space_bytes;
    uint64_t used_bytes;
    int64_t wall_us;
    bool remote;
    uint64_t syncs; /* that changed what is on the device, failed ones too */
    uint64_t random_state;
    uint64_t seed;
    uint8_t boot_id[16];
} memory_world;

/* memory.c */
memory_world *tally_memory_world(const void *context);
void *tally_memory_allocate(size_t size_bytes);
void tally_memory_release(void *memory);
void tally_memory_lock(memory_world *world);
void tally_memory_unlock(memory_world *world);
/* A world with an empty root; NULL without memory. */
memory_world *tally_memory_world_new(uint64_t seed);
void tally_memory_world_free(memory_world *world);
void tally_memory_new_boot(memory_world *world);

/* memory_tree.c: nodes, entries, paths */
memory_node *tally_memory_node_new(memory_world *world, bool is_directory, uint32_t mode);
void tally_memory_node_hold(memory_node *node);
void tally_memory_node_drop(memory_world *world, memory_node *node);
void tally_memory_changes_drop(memory_node *node);
memory_node *tally_memory_find(const memory_names *names, const char *name);
/* node NULL removes. False without memory, and only when the name was not there. */
bool tally_memory_set_name(memory_world *world, memory_names *names, const char *name, memory_node *node);
/* The node a path means; NULL with TALLY_E_NOT_FOUND and so on in *status. */
memory_node *tally_memory_resolve(memory_world *world, const char *path, tally_status *status);
/* The directory that holds the last name of a path, and that name. */
memory_node *tally_memory_resolve_parent(memory_world *world, const char *path, char name[TALLY_MEMORY_NAME_MAX + 1],
                                         tally_status *status);
/* Makes a change of names now, and notes it for the device. */
tally_status tally_memory_change_name(memory_world *world, memory_node *directory, const char *name, memory_node *node,
                                      memory_node *from_directory, const char *from_name);
/* Makes one noted change in what is on the device. False without memory. */
bool tally_memory_apply_name(memory_world *world, const memory_name_change *change);
void tally_memory_name_changes_free(memory_world *world, memory_name_change **first);

/* The open file with a number, if it was opened with `flag`; else NULL and TALLY_E_HANDLE. */
memory_open_file *tally_memory_file(memory_world *world, tally_file file, uint32_t flag, tally_status *status);

/* memory_system.c, memory_open.c, memory_files.c, memory_names.c: the functions of the table */
void tally_memory_fill_system(tally_platform *table);
void tally_memory_fill_open(tally_platform *table);
void tally_memory_fill_files(tally_platform *table);
void tally_memory_fill_names(tally_platform *table);

#endif
