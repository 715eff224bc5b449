/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - the time that programs write down, as the time of day
 *
 * In: jiffies (counters) or nanoseconds since boot (events). Out: wall clock,
 * by what it shows now. Jiffies begin when the kernel's ticks do, a part of a
 * second after its clock: that is how exact they are.
 */
#ifndef SKPOL_CLOCK_H
#define SKPOL_CLOCK_H

#include <stdint.h>

/* Seconds since 1970; 0 stays 0: it means never. */
uint64_t clock_of_jiffies(uint64_t jiffies);
/* Nanoseconds since 1970, of a bpf_ktime_get_ns(). */
uint64_t clock_of_ktime(uint64_t ns);

enum { CLOCK_TEXT_MAX = 32, CLOCK_AGE_MAX = 16 };

/* "2026-11-28T14:50:49Z" of seconds since 1970, and back; 0 = no such text. */
char *clock_print(uint64_t seconds, char buf[CLOCK_TEXT_MAX]);
uint64_t clock_parse(const char *text);
/* How long ago: "never", "now", "12s", "5m", "3h", "4d". */
char *clock_age(uint64_t seconds, char buf[CLOCK_AGE_MAX]);

#endif
