/* A stand-in for a busy file server: loaded before all others (LD_PRELOAD), it sleeps before each operation on a path
   below the folder SLOW_FILES, for SLOW_MICROSECONDS. Read and written is at once; a folder is listed 500 names at a time.
   How many operations there were is added to the file SLOW_COUNT. Built and used by tests/cluster/many_cells.py. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_AT_A_TIME 500
#define NEXT(name, type, ...) \
    static type (*next)(__VA_ARGS__); \
    if (!next) next = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static long operations;

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("SLOW_COUNT");
    FILE *file = path && operations ? fopen(path, "a") : NULL;
    if (!file) return;
    fprintf(file, "%ld\n", operations);
    fclose(file);
}

static void wait_if_below(int folder, const char *path) {
    const char *slow = getenv("SLOW_FILES"), *time = getenv("SLOW_MICROSECONDS");
    char whole[2 * PATH_MAX] = "", link[64];
    if (!slow || !path) return;
    if (path[0] != '/') {
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, whole, PATH_MAX);
        if (length < 0) return;
        snprintf(whole + length, PATH_MAX, "/%s", path);
    }
    if (strncmp(*whole ? whole : path, slow, strlen(slow))) return;
    __sync_fetch_and_add(&operations, 1);
    if (time && atoi(time)) usleep(atoi(time));
}

int open64(const char *path, int flags, ...) {
    NEXT("open64", int, const char *, int, ...);
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    wait_if_below(AT_FDCWD, path);
    return next(path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    NEXT("openat64", int, int, const char *, int, ...);
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    wait_if_below(folder, path);
    return next(folder, path, flags, mode);
}

int stat64(const char *path, struct stat64 *found) {
    NEXT("stat64", int, const char *, struct stat64 *);
    wait_if_below(AT_FDCWD, path);
    return next(path, found);
}

int lstat64(const char *path, struct stat64 *found) {
    NEXT("lstat64", int, const char *, struct stat64 *);
    wait_if_below(AT_FDCWD, path);
    return next(path, found);
}

int fstat64(int file, struct stat64 *found) {
    NEXT("fstat64", int, int, struct stat64 *);
    wait_if_below(file, "");
    return next(file, found);
}

int fstatat64(int folder, const char *path, struct stat64 *found, int flags) {
    NEXT("fstatat64", int, int, const char *, struct stat64 *, int);
    wait_if_below(folder, path);
    return next(folder, path, found, flags);
}

int mkdir(const char *path, mode_t mode) {
    NEXT("mkdir", int, const char *, mode_t);
    wait_if_below(AT_FDCWD, path);
    return next(path, mode);
}

int rename(const char *from, const char *to) {
    NEXT("rename", int, const char *, const char *);
    wait_if_below(AT_FDCWD, to);
    return next(from, to);
}

int link(const char *from, const char *to) {
    NEXT("link", int, const char *, const char *);
    wait_if_below(AT_FDCWD, to);
    return next(from, to);
}

int linkat(int from_folder, const char *from, int folder, const char *to, int flags) {
    NEXT("linkat", int, int, const char *, int, const char *, int);
    wait_if_below(folder, to);
    return next(from_folder, from, folder, to, flags);
}

int unlink(const char *path) {
    NEXT("unlink", int, const char *);
    wait_if_below(AT_FDCWD, path);
    return next(path);
}

int unlinkat(int folder, const char *path, int flags) {
    NEXT("unlinkat", int, int, const char *, int);
    wait_if_below(folder, path);
    return next(folder, path, flags);
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    NEXT("utimensat", int, int, const char *, const struct timespec *, int);
    wait_if_below(folder, path);
    return next(folder, path, times, flags);
}

static __thread int names;

DIR *opendir(const char *path) {
    NEXT("opendir", DIR *, const char *);
    names = 0;
    wait_if_below(AT_FDCWD, path);
    return next(path);
}

struct dirent64 *readdir64(DIR *folder) {
    NEXT("readdir64", struct dirent64 *, DIR *);
    if (names++ % NAMES_AT_A_TIME == 0) wait_if_below(dirfd(folder), "");
    return next(folder);
}
