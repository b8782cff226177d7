/* A disk that fails to order, for tests: loaded into a service with LD_PRELOAD, never part of the product.

   Calls on files whose path holds $FAULT_FILES do what the file $FAULT_ORDER says while it is there:

     delay 800    each sync takes so many milliseconds longer
     EROFS        writes and syncs fail, as on a file system that went read-only
     ENOSPC       the same, as on a full disk
     EIO          reads fail too, as on a disk that is gone */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static FILE *(*open_file)(const char *, const char *);

static int concerned(int fd) {
    const char *name = getenv("FAULT_FILES");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (name == NULL || length < 0) return 0;
    path[length] = 0;
    return strstr(path, name) != NULL;
}

static int order(int fd, char *word, size_t size, long *number) {
    const char *path = getenv("FAULT_ORDER");
    int saved = errno, found = 0;
    if (path != NULL && access(path, R_OK) == 0 && concerned(fd)) {
        if (open_file == NULL) open_file = dlsym(RTLD_NEXT, "fopen");
        FILE *file = open_file(path, "r");
        if (file != NULL) {
            char line[64] = "";
            *number = 0;
            if (fgets(line, sizeof line, file) != NULL) {
                char *space = strchr(line, ' ');
                if (space != NULL) { *number = atol(space + 1); *space = 0; }
                snprintf(word, size, "%s", line);
                found = word[0] != 0;
            }
            fclose(file);
        }
    }
    errno = saved;
    return found;
}

/* 0, or the error that the call ends with */
static int fault(int fd, int reading, int syncing) {
    char word[64];
    long number;
    if (!order(fd, word, sizeof word, &number)) return 0;
    if (strcmp(word, "delay") == 0) {
        struct timespec pause = {number / 1000, (number % 1000) * 1000000L};
        if (syncing) nanosleep(&pause, NULL);
        return 0;
    }
    if (strcmp(word, "EIO") == 0) return EIO;
    if (reading) return 0;
    if (strcmp(word, "EROFS") == 0) return EROFS;
    if (strcmp(word, "ENOSPC") == 0) return ENOSPC;
    return 0;
}

#define WRAPPED(result, name, types, values, reading, syncing)           \
    result name types {                                                  \
        static result(*real) types;                                      \
        int error = fault(fd, reading, syncing);                         \
        if (real == NULL) real = dlsym(RTLD_NEXT, #name);                \
        if (error) { errno = error; return -1; }                         \
        return real values;                                              \
    }

WRAPPED(ssize_t, write, (int fd, const void *from, size_t count), (fd, from, count), 0, 0)
WRAPPED(ssize_t, pwrite, (int fd, const void *from, size_t count, off_t at), (fd, from, count, at), 0, 0)
WRAPPED(ssize_t, pwrite64, (int fd, const void *from, size_t count, off64_t at), (fd, from, count, at), 0, 0)
WRAPPED(ssize_t, read, (int fd, void *to, size_t count), (fd, to, count), 1, 0)
WRAPPED(ssize_t, pread, (int fd, void *to, size_t count, off_t at), (fd, to, count, at), 1, 0)
WRAPPED(ssize_t, pread64, (int fd, void *to, size_t count, off64_t at), (fd, to, count, at), 1, 0)
WRAPPED(int, fdatasync, (int fd), (fd), 0, 1)
WRAPPED(int, fsync, (int fd), (fd), 0, 1)
