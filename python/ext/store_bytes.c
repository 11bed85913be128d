/* Growing byte strings. */
#include "store_shim.h"

char *bytes_grow(store_bytes *self, size_t more)
{
    size_t needed = self->length + more;
    size_t capacity = self->capacity;
    if (needed < more || needed > (size_t)PY_SSIZE_T_MAX / 2) {
        PyErr_NoMemory();
        return NULL;
    }
    while (capacity < needed) capacity *= 2;
    bool few = self->bytes == self->few;
    char *grown = PyMem_Realloc(few ? NULL : self->bytes, capacity);
    if (grown == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    if (few) memcpy(grown, self->few, self->length);
    self->bytes = grown;
    self->capacity = capacity;
    return grown + self->length;
}

void bytes_end(store_bytes *self)
{
    if (self->bytes != self->few) PyMem_Free(self->bytes);
}
