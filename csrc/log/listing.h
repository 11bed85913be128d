/* Listing: the names of one kind that a view knows, in the order of their bytes, with their figures. Every segment
 * has its own sorted names; they are merged as they are asked for. */
#ifndef TALLY_LOG_LISTING_H
#define TALLY_LOG_LISTING_H

#include "log/ask.h"
#include "log/view.h"

typedef struct tally_listing tally_listing;

/* Borrows the view. `prefix` and `after` are copied; an empty `after` begins at the beginning. TALLY_E_NO_MEMORY. */
tally_status tally_listing_new(const tally_view *view, uint64_t end, uint32_t kind, tally_text prefix, tally_text after,
                               tally_listing **listing, tally_error *error);
void tally_listing_free(tally_listing *listing); /* accepts NULL */

/* Of the events below `end`. */
typedef struct tally_name_figures {
    tally_text name; /* lent until the next call */
    uint64_t count;
    uint64_t first_position;
    uint64_t last_position;
} tally_name_figures;

tally_status tally_listing_next(tally_listing *listing, bool *found, tally_name_figures *figures, tally_error *error);

#endif
