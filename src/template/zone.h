/* zone.h: time zones by name; private to template/. */
#ifndef LLMMUX_TEMPLATE_ZONE_H
#define LLMMUX_TEMPLATE_ZONE_H

#include "base/slice.h"

#define ZONE_NAME_MAX 16

struct zone {
	int offset_seconds;       /* to the east */
	char name[ZONE_NAME_MAX]; /* "CEST" */
};
/* What holds in "Europe/Berlin" at that second since 1970. False when the machine's database has no
 * such zone. */
bool zone_find(struct slice name, int64_t seconds, struct zone *out);

#endif
