/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify - tells the service manager how we are (sd_notify(3), by hand)
 *
 * In: words. Out: a datagram to $NOTIFY_SOCKET, a path or, after '@', an
 * abstract name.
 */
#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "auto.h"

void notify_send(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	AUTO_FD fd = -1;
	char text[512];
	va_list ap;

	if (!n || n >= sizeof(sa.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(sa.sun_path, path, n);
	if (*path == '@')
		sa.sun_path[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && sendto(fd, text, strlen(text), MSG_NOSIGNAL |
			      MSG_DONTWAIT, (struct sockaddr *)&sa,
			      (socklen_t)(offsetof(struct sockaddr_un,
						   sun_path) + n)) < 0)
		return;
}

int notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	long long v = usec ? atoll(usec) : 0;

	if (v <= 0 || (pid && atoll(pid) != getpid()))
		return 0;
	v /= 2 * 1000;
	return v < 1 ? 1 : v > 3600000 ? 3600000 : (int)v;
}
