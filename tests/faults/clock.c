/* A wall clock that is off by as much as a file says; preloaded into the processes of a service.

Only CLOCK_REALTIME is moved, as when an administrator or NTP sets it. libfaketime 0.9.10 moves more:
under it every time.sleep() of Python fails with EINVAL, since it takes a moment of CLOCK_MONOTONIC
for one of its own clock. FILE is given when this is compiled, and holds one long long: seconds. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long long still = 0;
static const volatile long long *offset = &still;

__attribute__((constructor)) static void map(void) {
    int file = open(FILE, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *mapped = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) offset = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *found) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, found);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) found->tv_sec += *offset;
    return failed;
}

int gettimeofday(struct timeval *restrict found, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    found->tv_sec = now.tv_sec;
    found->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *found) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (found) *found = now.tv_sec;
    return now.tv_sec;
}
