/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify - tells the service manager how we are (sd_notify(3), by hand)
 *
 * In: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID in the environment, words.
 * Out: a datagram; nothing where nobody listens. It never fails: a manager that
 * does not hear is no reason to stop.
 */
#ifndef SKPOL_NOTIFY_H
#define SKPOL_NOTIFY_H

/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..."; several by newlines. */
void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* How often WATCHDOG=1 is due, in ms; 0 = never. */
int notify_watchdog_ms(void);

#endif
