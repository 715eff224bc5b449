/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_parse_mutate - whatever is done to a policy, nothing breaks
 *
 * The corpus, mutated a few times each, the same mutations in every run: bytes
 * changed, pieces taken out, doubled, moved, exchanged for words of the
 * language. What comes of it is refused with at most twenty errors that can
 * be printed, or it parses; then its normal form and its formatted text parse
 * to the same, and printing them again changes nothing.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture_corpus.h"
#include "fixture_parse.h"

enum { ROUNDS = 20000, LONGEST = 8192 };

static const char *const vocabulary[] = {
#define KEYWORD(token, text) text,
#include "../../grammar/keyword.def"
#undef KEYWORD
	"{", "}", ",", ";", ":", "=", "-", "->", "\n", "\r\n", "#", "## x\n",
	"0", "65535", "65536", "1-2", "1.2.3.4", "::1", "10.0.0.0/8", "::/0",
	"1.2.3.4-1.2.3.5", "50%", "a", "s", "m", "x:", "\"eth0\"", "\"",
	"to {", "when tcp {", "{ }", "-> a else", "default -> pass\n",
	"include \"" CORPUS_INCLUDE "\"\n", "policy p\n", "\t", "\303\274",
	"\357\273\277", "\xff",
};

enum { WORDS = sizeof(vocabulary) / sizeof(*vocabulary) };

static uint32_t below(uint32_t n)
{
	static uint64_t state = 7;

	state = state * 6364136223846793005 + 1442695040888963407;
	return n ? (uint32_t)(state >> 33) % n : 0;
}

struct text {
	char v[LONGEST];
	size_t n;
};

/* Puts LEN bytes of S in the place of GONE bytes at AT. */
static void exchange(struct text *t, size_t at, size_t gone, const char *s,
		     size_t len)
{
	if (t->n - gone + len > LONGEST)
		return;
	memmove(t->v + at + len, t->v + at + gone, t->n - at - gone);
	memcpy(t->v + at, s, len);
	t->n += len - gone;
}

/* A piece: a word or what lies between words, sometimes a line, or any. */
static size_t piece(const struct text *t, size_t *at)
{
	size_t end;

	*at = below((uint32_t)t->n + 1);
	if (!below(4))
		return below((uint32_t)(t->n - *at) + 1) / (1 + below(20));
	if (below(3)) {
		while (*at && *at < t->n && isalnum((uint8_t)t->v[*at - 1]))
			--*at;
		for (end = *at; end < t->n && isalnum((uint8_t)t->v[end]);)
			end++;
		return end == *at ? *at < t->n : end - *at;
	}
	while (*at && t->v[*at - 1] != '\n')
		--*at;
	for (end = *at; end < t->n && t->v[end++] != '\n';)
		;
	return end - *at;
}

static void mutate(struct text *t)
{
	const char *word = vocabulary[below(WORDS)];
	char copy[LONGEST], byte = (char)below(256);
	size_t at, to, len = piece(t, &at);

	switch (below(6)) {
	case 0:
		exchange(t, at, len, "", 0);
		break;
	case 1:
		exchange(t, at, len, word, strlen(word));
		break;
	case 2:
		exchange(t, at, 0, word, strlen(word));
		break;
	case 3:
		memcpy(copy, t->v + at, len);
		to = below((uint32_t)t->n + 1);
		exchange(t, to, 0, copy, len);
		break;
	case 4:
		if (at < t->n)
			t->v[at] = byte;
		break;
	case 5:		/* move */
		memcpy(copy, t->v + at, len);
		exchange(t, at, len, "", 0);
		piece(t, &to);
		exchange(t, to, 0, copy, len);
		break;
	}
}

static void refused(struct parsed *p, const char *text, size_t n)
{
	char *out = NULL;
	size_t size;
	FILE *f;

	assert_true(p->diags.nerrors <= DIAG_MAX_ERRORS + 2);
	for (const struct diag *d = p->diags.first; d; d = d->next) {
		const struct source_file *file =
			&p->sources.files[d->place.file];

		if (!d->has_place || d->place.begin > d->place.end ||
		    d->place.end > file->size)
			fail_msg("a place that is none: %.*s", (int)n, text);
	}
	f = open_memstream(&out, &size);
	assert_non_null(f);
	diag_print(&p->diags, f, true);
	diag_print_json(&p->diags, f);
	assert_int_equal(fclose(f), 0);
	free(out);
}

/* TEXT parses, to NORMAL, and is what FORM makes of itself. */
static void is_stable(const char *form, const char *text, const char *normal,
		      char *(*print)(struct parsed *))
{
	struct parsed *p = parsed_text(text);

	parsed_expect(p, text, "");
	if (strcmp(parsed_normalized(p), normal))
		fail_msg("%s text means something else:\n%s\nmeans\n%s"
			 "\nand not\n%s", form, text, parsed_normalized(p),
			 normal);
	if (strcmp(print(p), text))
		fail_msg("%s text changes:\n%s\nbecomes\n%s", form, text,
			 print(p));
	parsed_free(p);
}

static bool check(const char *text, size_t n)
{
	struct parsed *p = parsed_bytes(text, n);
	bool good = !p->diags.nerrors;
	char *normal;

	if (good) {
		normal = parsed_normalized(p);
		is_stable("normalized", normal, normal, parsed_normalized);
		is_stable("formatted", parsed_formatted(p), normal,
			  parsed_formatted);
	} else {
		refused(p, text, n);
	}
	parsed_free(p);
	return good;
}

static void mutations(void **state)
{
	static struct text t;
	size_t good = 0;

	(void)state;
	alarm(300);	/* takes two seconds */
	for (int i = 0; i < ROUNDS; i++) {
		const char *text = corpus[(size_t)i % corpus_size];

		t.n = strlen(text);
		memcpy(t.v, text, t.n);
		for (uint32_t k = below(3) ? 1 : 1 + below(4); k; k--)
			mutate(&t);
		good += check(t.v, t.n);
	}
	alarm(0);
	print_message("%zu of %d parse\n", good, ROUNDS);
	/* or the mutations are no good */
	assert_true(good > ROUNDS / 20 && good < ROUNDS / 2);
}

/* Every beginning of every policy. */
static void beginnings(void **state)
{
	(void)state;
	for (size_t i = 0; i < corpus_size; i++)
		for (size_t n = 0; n <= strlen(corpus[i]); n++)
			check(corpus[i], n);
}

static int enter(void **state)
{
	char *folder = strdup("/tmp/test_parse_mutate.XXXXXX");

	*state = folder;
	if (!mkdtemp(folder) || chdir(folder))
		return -1;
	corpus_write_files();
	return 0;
}

static int leave(void **state)
{
	corpus_remove_files();
	if (chdir("/") || rmdir(*state))
		return -1;
	free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutations),
		cmocka_unit_test(beginnings),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
