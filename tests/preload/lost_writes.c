/* What a power cut does to writes that were not synced, for a process that `kill -9` ends.
 *
 * A plain kill keeps the page cache, so a missing fdatasync would pass every test. This library
 * stands between the process and libc (LD_PRELOAD): before each write to a file below
 * LOST_WRITES_DIR it notes the bytes that the write replaces in LOST_WRITES_JOURNAL, and after each
 * fsync or fdatasync that the file was synced. After the kill the test undoes, newest first, what no
 * sync followed. A sync counts from its beginning: a write that runs beside it is not covered.
 * LOST_WRITES_BLIND=1 forgets the syncs: a control that shows that the test can fail.
 * Not modelled: directory entries, and writes through memory maps (the ledger makes none). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct __attribute__((packed)) entry {
    uint8_t kind; /* 'W' write, 'S' sync */
    uint64_t seq;
    uint64_t inode;
    uint64_t offset;
    uint64_t old_size;
    uint64_t old_len; /* so many bytes follow */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t seq;
static int journal = -2;
static const char *below;
static int blind;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);

static void die(const char *what) {
    static const char text[] = "lost_writes: ";
    (void)!real_write(2, text, sizeof text - 1);
    (void)!real_write(2, what, strlen(what));
    _exit(99);
}

__attribute__((constructor)) static void begin(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    below = getenv("LOST_WRITES_DIR");
    blind = getenv("LOST_WRITES_BLIND") != NULL;
    const char *path = getenv("LOST_WRITES_JOURNAL");
    if (!below || !path) return;
    journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) die("no journal\n");
}

/* Whether the descriptor is a file of the ledger; gives its state. */
static int watched(int fd, struct stat *state, char *path) {
    char link[64];
    if (journal < 0 || fd == journal) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strncmp(path, below, strlen(below)) == 0 && fstat(fd, state) == 0 && S_ISREG(state->st_mode);
}

static void append(const struct entry *entry, const void *old) {
    size_t size = sizeof *entry + entry->old_len;
    char *bytes = malloc(size);
    if (!bytes) die("no memory\n");
    memcpy(bytes, entry, sizeof *entry);
    if (entry->old_len) memcpy(bytes + sizeof *entry, old, entry->old_len);
    if (real_write(journal, bytes, size) != (ssize_t)size) die("the journal cannot be written\n");
    free(bytes);
}

static void note_write(int fd, off_t offset, size_t length) {
    int before = errno;
    struct stat state;
    char path[PATH_MAX];
    if (watched(fd, &state, path)) {
        pthread_mutex_lock(&lock);
        struct entry entry = {'W', ++seq, state.st_ino, offset, state.st_size, 0};
        char *old = NULL;
        if (offset < state.st_size && length > 0) {
            size_t kept = state.st_size - offset;
            if (kept > length) kept = length;
            int reader = open(path, O_RDONLY | O_CLOEXEC);
            old = malloc(kept);
            if (reader < 0 || !old || pread64(reader, old, kept, offset) != (ssize_t)kept) die("old bytes cannot be read\n");
            close(reader);
            entry.old_len = kept;
        }
        append(&entry, old);
        free(old);
        pthread_mutex_unlock(&lock);
    }
    errno = before;
}

static off_t position(int fd) {
    int flags = fcntl(fd, F_GETFL);
    struct stat state;
    if (flags >= 0 && (flags & O_APPEND) && fstat(fd, &state) == 0) return state.st_size;
    return lseek(fd, 0, SEEK_CUR);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    note_write(fd, offset, length);
    return real_pwrite(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (journal >= 0 && fd > 2) {
        int before = errno;
        off_t offset = position(fd);
        errno = before;
        if (offset >= 0) note_write(fd, offset, length);
    }
    return real_write(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (journal >= 0 && fd > 2) {
        int before = errno;
        off_t offset = position(fd);
        errno = before;
        size_t length = 0;
        for (int at = 0; at < count; at++) length += parts[at].iov_len;
        if (offset >= 0) note_write(fd, offset, length);
    }
    return real_writev(fd, parts, count);
}

int ftruncate64(int fd, off_t length) {
    struct stat state;
    char path[PATH_MAX];
    int before = errno;
    if (watched(fd, &state, path)) note_write(fd, length, length < state.st_size ? state.st_size - length : 0);
    errno = before;
    return real_ftruncate(fd, length);
}

int ftruncate(int fd, off_t length) {
    return ftruncate64(fd, length);
}

static int sync_with(int (*real)(int), int fd) {
    struct stat state;
    char path[PATH_MAX];
    int is_watched = watched(fd, &state, path);
    pthread_mutex_lock(&lock);
    uint64_t start = seq;
    pthread_mutex_unlock(&lock);
    int result = real(fd);
    int after = errno;
    if (is_watched && result == 0 && !blind) {
        pthread_mutex_lock(&lock);
        struct entry entry = {'S', start, state.st_ino, 0, 0, 0};
        append(&entry, NULL);
        pthread_mutex_unlock(&lock);
    }
    errno = after;
    return result;
}

int fsync(int fd) {
    return sync_with(real_fsync, fd);
}

int fdatasync(int fd) {
    return sync_with(real_fdatasync, fd);
}
