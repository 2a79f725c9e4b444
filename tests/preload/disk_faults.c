/* A failing disk for a living process: the files below DISK_FAULTS_DIR behave as the control file says.
 *
 * This library stands between the process and libc (LD_PRELOAD). The file DISK_FAULTS_CONTROL holds one line, read
 * before each call:
 *
 *     OPERATION SUFFIX EFFECT NUMBER TIMES
 *
 * OPERATION is write or sync, SUFFIX the end of the names concerned ("*" for all). EFFECT is errno (the call fails
 * with NUMBER), short (a write takes at most NUMBER bytes) or stall (the call waits NUMBER milliseconds first). TIMES
 * calls are concerned, 0 for all; a changed line counts anew. An empty or missing file is a healthy disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last[512];
static long used;
static const char *below;
static const char *control;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    below = getenv("DISK_FAULTS_DIR");
    control = getenv("DISK_FAULTS_CONTROL");
}

enum effect { NONE, ERRNO, SHORT, STALL };

static int ends_with(const char *path, const char *suffix) {
    size_t length = strlen(path), wanted = strlen(suffix);
    return strcmp(suffix, "*") == 0 || (wanted <= length && strcmp(path + length - wanted, suffix) == 0);
}

/* What is to happen to this operation on this descriptor, and with which number. */
static enum effect effect_on(int fd, const char *operation, long *number) {
    char link[64], path[PATH_MAX], line[512] = {0};
    char wanted[16], suffix[256], effect[16];
    long times;
    if (!below || !control) return NONE;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return NONE;
    path[length] = 0;
    if (strncmp(path, below, strlen(below)) != 0) return NONE;
    int file = open(control, O_RDONLY | O_CLOEXEC);
    if (file < 0) return NONE;
    length = read(file, line, sizeof line - 1);
    close(file);
    if (length <= 0 || sscanf(line, "%15s %255s %15s %ld %ld", wanted, suffix, effect, number, &times) != 5) return NONE;
    if (strcmp(wanted, operation) != 0 || !ends_with(path, suffix)) return NONE;
    pthread_mutex_lock(&lock);
    if (strcmp(line, last) != 0) {
        strcpy(last, line);
        used = 0;
    }
    int is_due = times == 0 || used < times;
    used += is_due;
    pthread_mutex_unlock(&lock);
    if (!is_due) return NONE;
    return strcmp(effect, "errno") == 0 ? ERRNO : strcmp(effect, "short") == 0 ? SHORT : STALL;
}

/* 1 if the call fails now. */
static int suffer(enum effect effect, long number) {
    if (effect == STALL) {
        struct timespec time = {number / 1000, number % 1000 * 1000000};
        nanosleep(&time, NULL);
    }
    if (effect == ERRNO) errno = (int)number;
    return effect == ERRNO;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    int before = errno;
    long number = 0;
    enum effect effect = effect_on(fd, "write", &number);
    errno = before;
    if (suffer(effect, number)) return -1;
    if (effect == SHORT && (size_t)number < length) length = (size_t)number;
    return real_pwrite(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

static int sync_with(int (*real)(int), int fd) {
    int before = errno;
    long number = 0;
    enum effect effect = effect_on(fd, "sync", &number);
    errno = before;
    return suffer(effect, number) ? -1 : real(fd);
}

int fsync(int fd) {
    return sync_with(real_fsync, fd);
}

int fdatasync(int fd) {
    return sync_with(real_fdatasync, fd);
}
