/* doctor_port.c: who listens on a port, as far as /proc tells. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"

#define MAX_INODES 16

struct inodes {
	unsigned long long items[MAX_INODES];
	size_t len;
};

/* Lines of /proc/net/tcp: "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout
 * inode". 0A is the state of a listener. */
static void read_listeners(const char *path, unsigned port, struct inodes *inodes) {
	FILE *file = fopen(path, "re");
	char line[512];
	while (file && fgets(line, sizeof line, file)) {
		char local[64];
		unsigned state, local_port;
		unsigned long long inode;
		if (sscanf(line, "%*s %63s %*s %x %*s %*s %*s %*s %*s %llu", local, &state,
			    &inode) == 3 &&
			state == 0x0a && strrchr(local, ':') &&
			sscanf(strrchr(local, ':'), ":%x", &local_port) == 1 &&
			local_port == port && inodes->len < MAX_INODES) {
			inodes->items[inodes->len++] = inode;
		}
	}
	if (file) {
		fclose(file);
	}
}

static bool holds_one(const char *pid, const struct inodes *inodes) {
	char path[300];
	snprintf(path, sizeof path, "/proc/%s/fd", pid);
	DIR *dir = opendir(path);
	bool found = false;
	for (struct dirent *entry; dir && !found && (entry = readdir(dir));) {
		char link[600], target[64] = "";
		unsigned long long inode;
		snprintf(link, sizeof link, "%s/%s", path, entry->d_name);
		if (readlink(link, target, sizeof target - 1) < 0 ||
			sscanf(target, "socket:[%llu]", &inode) != 1) {
			continue;
		}
		for (size_t i = 0; i < inodes->len; i++) {
			found = found || inodes->items[i] == inode;
		}
	}
	if (dir) {
		closedir(dir);
	}
	return found;
}

static const char *describe(struct arena *arena, const char *pid) {
	char path[300], name[64] = "";
	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	FILE *file = fopen(path, "re");
	if (file) {
		if (!fgets(name, sizeof name, file)) {
			name[0] = '\0';
		}
		fclose(file);
	}
	name[strcspn(name, "\n")] = '\0';
	return arena_printf(arena, "%s (process %s)", name[0] ? name : "a program", pid).data;
}

const char *doctor_port_owner(struct arena *arena, unsigned port) {
	struct inodes inodes = {.len = 0};
	read_listeners("/proc/net/tcp", port, &inodes);
	read_listeners("/proc/net/tcp6", port, &inodes);
	DIR *dir = inodes.len > 0 ? opendir("/proc") : NULL;
	const char *owner = NULL;
	for (struct dirent *entry; dir && !owner && (entry = readdir(dir));) {
		if (isdigit((unsigned char)entry->d_name[0]) && holds_one(entry->d_name, &inodes)) {
			owner = describe(arena, entry->d_name);
		}
	}
	if (dir) {
		closedir(dir);
	}
	return owner;
}
