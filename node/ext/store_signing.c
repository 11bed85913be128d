#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Signing: what open is told of it, how heads stand, and the mirror.
 *
 * A mirror of JavaScript cannot run on the thread that makes a head. That thread leaves the newest note here and
 * rings; the loop comes for it, once for many. */

/* ----------------------------------------------------------------------------------------- options */

enum { KEY_PATH, KEY_TEXT, STATE_PATH, REMEMBERED, REMEMBERED_PATH, MIRROR_PATH, VERIFY_KEYS };

/* An empty text is none. */
static tally_text given(const node_texts *texts, size_t which)
{
    return texts->items[which].length == 0 ? (tally_text){NULL, 0} : texts->items[which];
}

bool signing_read(napi_env env, napi_value flags, napi_value array, node_signing *signing)
{
    node_texts *texts = &signing->texts;
    uint32_t bits = 0;
    if (!shim_get_uint32(env, flags, &bits) || !texts_copy(env, array, VERIFY_KEYS, texts)) return false;
    signing->signing = (tally_signing){
        .size = sizeof signing->signing,
        .key_path = given(texts, KEY_PATH),
        .key_text = given(texts, KEY_TEXT),
        .state_path = given(texts, STATE_PATH),
        .verify_keys = texts->items + VERIFY_KEYS,
        .verify_key_count = texts->count - VERIFY_KEYS,
        .remembered = given(texts, REMEMBERED),
        .remembered_path = given(texts, REMEMBERED_PATH),
        .mirror_path = given(texts, MIRROR_PATH),
        .flags = bits,
    };
    return true;
}

/* ------------------------------------------------------------------------------------------ mirror */

/* invariant: `note` is the newest one that the loop has not come for; NULL: it has all. */
struct node_mirror {
    tally_mutex lock; /* of all the others */
    node_bell *bell;  /* NULL: the store is still being opened */
    char *note;
    size_t length;
};

static const tally_platform *platform(void) { return tally_platform_default(); }

node_mirror *mirror_open(napi_env env)
{
    int32_t os_error = 0;
    node_mirror *mirror = calloc(1, sizeof *mirror);
    if (mirror != NULL && platform()->mutex_init(platform()->context, &mirror->lock, &os_error) == TALLY_OK) {
        return mirror;
    }
    free(mirror);
    (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a mirror");
    return NULL;
}

int32_t mirror_take(void *user_data, const char *note, size_t length)
{
    node_mirror *mirror = user_data;
    char *copy = malloc(length + 1);
    if (copy == NULL) return -1;
    memcpy(copy, note, length);
    platform()->mutex_lock(platform()->context, &mirror->lock);
    free(mirror->note);
    mirror->note = copy;
    mirror->length = length;
    if (mirror->bell != NULL) bell_ring(mirror->bell);
    platform()->mutex_unlock(platform()->context, &mirror->lock);
    return 0;
}

void mirror_attach(node_mirror *mirror, node_bell *bell)
{
    platform()->mutex_lock(platform()->context, &mirror->lock);
    mirror->bell = bell_keep(bell);
    if (mirror->note != NULL) bell_ring(bell);
    platform()->mutex_unlock(platform()->context, &mirror->lock);
}

void mirror_close(node_mirror *mirror)
{
    if (mirror == NULL) return;
    if (mirror->bell != NULL) bell_drop(mirror->bell);
    platform()->mutex_destroy(platform()->context, &mirror->lock);
    free(mirror->note);
    free(mirror);
}

/* mirrored() → the newest note that was not fetched yet, or undefined. Works while the store is closing, and after. */
static napi_value mirrored(napi_env env, napi_callback_info info)
{
    void *data = NULL;
    if (!shim_arguments(env, info, 0, NULL, &data)) return NULL;
    node_mirror *mirror = ((node_store *)data)->mirror;
    if (mirror == NULL) return NULL;
    platform()->mutex_lock(platform()->context, &mirror->lock);
    char *note = mirror->note;
    size_t length = mirror->length;
    mirror->note = NULL;
    platform()->mutex_unlock(platform()->context, &mirror->lock);
    if (note == NULL) return NULL;
    napi_value text = shim_text(env, note, length);
    free(note);
    return text;
}

/* ------------------------------------------------------------------------------------------- state */

static bool set_flag(napi_env env, napi_value object, const char *name, bool flag)
{
    napi_value value = NULL;
    TRY_OR_FALSE(env, napi_get_boolean(env, flag, &value));
    return shim_set(env, object, name, value);
}

static bool set_text(napi_env env, napi_value object, const char *name, const char *text)
{
    return shim_set(env, object, name, shim_text(env, text, NAPI_AUTO_LENGTH));
}

/* signing() → how the heads stand */
static napi_value signing_get(napi_env env, napi_callback_info info)
{
    tally_signing_state state;
    tally_error error;
    napi_value object = NULL;
    node_store *store = store_arguments(env, info, 0, NULL);
    if (store == NULL) return NULL;
    tally_status status = tally_store_signing_get(store->handle.store, &state, &error);
    if (status != TALLY_OK) return shim_throw(env, &error);
    TRY(env, napi_create_object(env, &object));
    bool done = set_flag(env, object, "isSigned", state.is_signed != 0) &&
                set_flag(env, object, "isGuarded", state.is_guarded != 0) &&
                set_text(env, object, "origin", state.origin) && set_text(env, object, "publicKey", state.vkey) &&
                shim_set_count(env, object, "treeSize", state.tree_size) &&
                shim_set_count(env, object, "signedSize", state.signed_size) &&
                shim_set_count(env, object, "failures", state.failures) &&
                shim_set_count(env, object, "mirrorFailures", state.mirror_failures) &&
                set_text(env, object, "failure", state.failure);
    return done ? object : NULL;
}

bool signing_bind(napi_env env, node_store *store, napi_value object)
{
    static const shim_function functions[] = {{"mirrored", mirrored}, {"signing", signing_get}};
    return store_bind_all(env, store, object, functions, 2);
}
