/* media.h: base64 data of media as upstreams take it. */
#ifndef LLMMUX_FORMATS_MEDIA_H
#define LLMMUX_FORMATS_MEDIA_H

#include "base/arena.h"

/* E-61: the standard alphabet, no white space; the data itself when it is clean already (one scan),
 * or no base64 at all. */
struct slice media_clean_base64(struct arena *arena, struct slice data);

#endif
