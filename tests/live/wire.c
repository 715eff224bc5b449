/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire - plays a scenario: servers, packets, and who is to answer
 *
 * In: a file of one command a line, `#` comments. Out: a line for each packet
 * that went wrong (with -t one for each packet, as a table); exit 0, 1 when a
 * packet went wrong, 2 when the scenario cannot be played, 77 when this kernel
 * lacks what it needs.
 *
 *	listen NAME tcp|udp ADDRESS [reuseport] [v6only]
 *	established NAME ADDRESS	a TCP socket that has a peer
 *	connect NAME			give an UDP server a peer
 *	close NAME			end all servers of that name
 *	group NAME pick N | drop	what its reuseport group does
 *	link IF PREFIX4 PREFIX6		an interface, and a far end
 *	register NAME [SERVER]		give SERVER's socket to skpol
 *	fill				serve every empty slot
 *	swap A B			put B into the slots of A, unasked
 *	run COMMAND			must exit 0; $WIRE_PID is this process
 *	fails STATUS COMMAND		must exit STATUS
 *	counter RULE hits|missing|refused N
 *	pkt FILE			every packet of a .pkt file
 *	PACKET => SERVER|pass|drop	as in a .pkt file; `pass` is the server
 *					at the address itself
 */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 8 };

struct words {
	char *v[WORDS_MAX];
	size_t n;
	const char *rest;	/* of the line, after the first word */
};

void wire_die(const struct wire *w, int status, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s:%u: ", w->file, w->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

/* ------------------------------------------------------------- packets */

#define ROW "%-51s %-8s %-8s %s\n"

static void dial(struct wire *w, const struct packet *k, const char *expected)
{
	char text[PACKET_TEXT_MAX], counted[128];
	const char *got = wire_dial(w, k);
	bool right = !strcmp(got, expected);

	packet_print(k, text);
	if (w->table && !w->packets)
		printf("\n" ROW, "PACKET", "EXPECTED", "ANSWERED", "COUNTER");
	w->packets++;
	w->wrong += !right;
	if (w->table)
		printf(ROW, text, expected, got,
		       wire_counted(w, counted, sizeof(counted)));
	if (!right)
		fprintf(stderr, "%s:%u: %s: expected %s, answered %s\n",
			w->file, w->line, text, expected, got);
}

static void packet_line(struct wire *w, const char *line)
{
	char expected[64], error[PACKET_ERROR_MAX];
	struct packet k;
	bool has_packet;

	if (!packet_parse_line(line, strlen(line), &k, &has_packet, expected,
			       error))
		wire_die(w, WIRE_BROKEN, "%s", error);
	if (has_packet)
		dial(w, &k, expected);
}

static void each_line(struct wire *w, const char *file,
		      void (*play)(struct wire *, const char *))
{
	const char *outer = w->file;
	unsigned int outer_line = w->line;
	FILE *in = fopen(file, "re");
	char *line = NULL;
	size_t size = 0;

	if (!in)
		wire_die(w, WIRE_BROKEN, "%s: %s", file, strerror(errno));
	w->file = file;
	for (w->line = 1; getline(&line, &size, in) > 0; w->line++) {
		line[strcspn(line, "\n")] = 0;
		play(w, line);
	}
	free(line);
	fclose(in);
	w->file = outer;
	w->line = outer_line;
}

/* ------------------------------------------------------------ commands */

static bool has_word(const struct words *a, const char *word)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->v[i], word))
			return true;
	return false;
}

static struct sockaddr_storage address_of(struct wire *w, const char *text)
{
	struct sockaddr_storage a;

	if (!wire_address(text, &a))
		wire_die(w, WIRE_BROKEN, "`%s` is no address", text);
	return a;
}

static void play_listen(struct wire *w, const struct words *a)
{
	const struct server_options o = {
		.reuseport = has_word(a, "reuseport"),
		.v6only = has_word(a, "v6only"),
	};
	int type = strcmp(a->v[2], "udp") ? SOCK_STREAM : SOCK_DGRAM;
	struct sockaddr_storage at = address_of(w, a->v[3]);
	int fd = wire_open(type, &at, o);

	if (fd < 0)
		wire_die(w, WIRE_BROKEN, "%s: %s", a->v[3], strerror(errno));
	wire_serve(w, a->v[1], type, fd);
}

static void play_established(struct wire *w, const struct words *a)
{
	struct sockaddr_storage at = address_of(w, a->v[2]);
	int fd = wire_established(&at);

	if (fd < 0)
		wire_die(w, WIRE_BROKEN, "%s: %s", a->v[2], strerror(errno));
	wire_serve(w, a->v[1], SOCK_STREAM, fd)->answers = false;
}

static void play_connect(struct wire *w, const struct words *a)
{
	wire_connect(w, wire_server(w, a->v[1]));
}

static void play_close(struct wire *w, const struct words *a)
{
	wire_close(w, a->v[1]);
}

static void play_group(struct wire *w, const struct words *a)
{
	struct server *s = wire_server(w, a->v[1]);

	if (!strcmp(a->v[2], "drop"))
		wire_group_drop(w, s);
	else if (!strcmp(a->v[2], "pick") && a->n == 4)
		wire_group_pick(w, s, (unsigned int)atoi(a->v[3]));
	else
		wire_die(w, WIRE_BROKEN, "a group can pick N, or drop");
}

static void play_link(struct wire *w, const struct words *a)
{
	wire_link_make(w, a->v[1], a->v[2], a->v[3]);
}

static void play_register(struct wire *w, const struct words *a)
{
	wire_register(w, a->v[1], wire_server(w, a->v[a->n - 1]));
}

static void play_fill(struct wire *w, const struct words *a)
{
	(void)a;
	wire_fill(w);
}

static void play_swap(struct wire *w, const struct words *a)
{
	wire_swap(w, wire_server(w, a->v[1]), wire_server(w, a->v[2]));
}

static int shell(const char *command)
{
	int status;

	fflush(stdout);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void play_run(struct wire *w, const struct words *a)
{
	int status;

	if (w->table)
		printf("%s$ %s\n", w->packets ? "\n" : "", a->rest);
	status = shell(a->rest);
	if (status)
		wire_die(w, WIRE_BROKEN, "exit status %d: %s", status, a->rest);
}

static void play_fails(struct wire *w, const struct words *a)
{
	int expected = atoi(a->rest);
	const char *command = strchr(a->rest, ' ');
	int status = shell(command ? command : "");

	if (status != expected)
		wire_die(w, WIRE_BROKEN, "exit status %d, not %d:%s", status,
			 expected, command ? command : "");
}

static void play_counter(struct wire *w, const struct words *a)
{
	long long v = wire_counter(w, a->v[1], a->v[2]);

	if (v == atoll(a->v[3]))
		return;
	fprintf(stderr, "%s:%u: %s of %s: expected %s, counted %lld\n",
		w->file, w->line, a->v[2], a->v[1], a->v[3], v);
	w->wrong++;
}

static void play_pkt(struct wire *w, const struct words *a)
{
	each_line(w, a->v[1], packet_line);
}

static const struct command {
	const char *name;
	size_t words;		/* at least; 0 = the rest of the line is one */
	void (*play)(struct wire *w, const struct words *a);
} commands[] = {
	{ "listen", 4, play_listen },
	{ "established", 3, play_established },
	{ "connect", 2, play_connect },
	{ "close", 2, play_close },
	{ "group", 3, play_group },
	{ "link", 4, play_link },
	{ "register", 2, play_register },
	{ "fill", 1, play_fill },
	{ "swap", 3, play_swap },
	{ "run", 0, play_run },
	{ "fails", 0, play_fails },
	{ "counter", 4, play_counter },
	{ "pkt", 2, play_pkt },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void split_words(char *line, struct words *a)
{
	char *save, *word;

	a->n = 0;
	for (word = strtok_r(line, " \t", &save); word && a->n < WORDS_MAX;
	     word = strtok_r(NULL, " \t", &save))
		a->v[a->n++] = word;
}

static void play_line(struct wire *w, const char *line)
{
	const struct command *c;
	struct words a = { .n = 0 };
	char *copy;
	size_t n;

	line += strspn(line, " \t");
	n = strcspn(line, " \t");
	a.rest = line + n + strspn(line + n, " \t");
	copy = strdup(line);
	copy[n] = 0;
	c = find_command(copy);
	if (!c) {		/* a packet, a comment, or nothing */
		packet_line(w, line);
	} else {
		copy[n] = line[n];
		split_words(copy, &a);
		if (a.n < c->words)
			wire_die(w, WIRE_BROKEN, "`%s` needs more words",
				 c->name);
		c->play(w, &a);
	}
	free(copy);
}

static void begin(struct wire *w)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WIRE_PID", pid, 1);
	signal(SIGPIPE, SIG_IGN);
	w->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (w->home < 0)
		wire_die(w, WIRE_BROKEN, "no network namespaces: %s",
			 strerror(errno));
}

int main(int argc, char **argv)
{
	static struct wire w;
	int i = 1;

	w.table = argc > i && !strcmp(argv[i], "-t");
	i += w.table;
	if (argc != i + 1) {
		fprintf(stderr, "usage: wire [-t] SCENARIO\n");
		return WIRE_BROKEN;
	}
	w.file = argv[i];
	begin(&w);
	each_line(&w, argv[i], play_line);
	printf("%s%zu packets, %zu wrong\n", w.table ? "\n" : "", w.packets,
	       w.wrong);
	return w.wrong ? WIRE_WRONG : WIRE_RIGHT;
}
