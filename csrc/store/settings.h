/* The options of tally_store_open, checked and filled in. */
#ifndef TALLY_STORE_SETTINGS_H
#define TALLY_STORE_SETTINGS_H

#include "log/log.h"

/* TALLY_E_STRUCT_SIZE, E_OPTION, E_RANGE, E_NAME, and what tally_platform_check says. */
tally_status tally_store_options_read(const tally_store_options *options, tally_store_options *known,
                                      tally_error *error);
tally_log_settings tally_log_settings_of(const tally_store_options *options, uint32_t digest);

#endif
