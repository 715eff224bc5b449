/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - the time that programs write down, as the time of day
 *
 * In: kernel times. Out: wall clock. The length of a jiffy is the resolution
 * of the coarse clocks: nothing else tells user space.
 */
#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define NS 1000000000ULL

static uint64_t now(clockid_t clock)
{
	struct timespec t = { 0 };

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

uint64_t clock_of_ktime(uint64_t ns)
{
	return now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC) + ns;
}

/* The kernel starts five minutes before jiffies leave 32 bits. */
static uint64_t first_jiffy(uint64_t tick)
{
	return (uint32_t)-(300 * (int64_t)((NS + tick / 2) / tick));
}

uint64_t clock_of_jiffies(uint64_t jiffies)
{
	struct timespec t = { 0 };
	uint64_t tick, monotonic = now(CLOCK_MONOTONIC), ns;

	clock_getres(CLOCK_MONOTONIC_COARSE, &t);
	tick = (uint64_t)t.tv_nsec;
	if (!jiffies || !tick)
		return 0;
	ns = (jiffies - first_jiffy(tick)) * tick;
	return clock_of_ktime(ns < monotonic ? ns : monotonic) / NS;
}

char *clock_print(uint64_t seconds, char buf[CLOCK_TEXT_MAX])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) ||
	    !strftime(buf, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm))
		buf[0] = '\0';
	return buf;
}

uint64_t clock_parse(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	return end && !*end ? (uint64_t)timegm(&tm) : 0;
}

char *clock_age(uint64_t seconds, char buf[CLOCK_AGE_MAX])
{
	static const struct { uint64_t unit; char letter; } units[] = {
		{ 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' },
	};
	uint64_t at = now(CLOCK_REALTIME) / NS;
	uint64_t age = at > seconds ? at - seconds : 0;

	snprintf(buf, CLOCK_AGE_MAX, "%s", seconds ? "now" : "never");
	for (int i = 0; seconds && i < 4; i++)
		if (age >= 2 * units[i].unit || (i == 3 && age)) {
			snprintf(buf, CLOCK_AGE_MAX, "%" PRIu64 "%c",
				 age / units[i].unit, units[i].letter);
			break;
		}
	return buf;
}
