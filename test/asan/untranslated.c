/*
 * untranslated.c
 *		Messages as they stand in the source, for a server that has a
 *		sanitizer's runtime preloaded.
 *
 * Libraries that Debian's PostgreSQL is linked with (libgpg-error, p11-kit)
 * call these from their constructors.  With the runtime preloaded the locks
 * that libc takes there are broken afterwards, and the server waits for them
 * for ever.
 */
#include <libintl.h>
#include <locale.h>

#undef bindtextdomain
#undef textdomain
#undef bind_textdomain_codeset
#undef gettext
#undef dgettext
#undef dcgettext
#undef ngettext
#undef dngettext
#undef dcngettext

char *
bindtextdomain(const char *domain, const char *directory)
{
	(void) domain;
	return (char *) directory;
}

char *
textdomain(const char *domain)
{
	return (char *) domain;
}

char *
bind_textdomain_codeset(const char *domain, const char *codeset)
{
	(void) domain;
	return (char *) codeset;
}

char *
dcgettext(const char *domain, const char *message, int category)
{
	(void) domain;
	(void) category;
	return (char *) message;
}

char *
dgettext(const char *domain, const char *message)
{
	return dcgettext(domain, message, LC_MESSAGES);
}

char *
gettext(const char *message)
{
	return dcgettext(NULL, message, LC_MESSAGES);
}

char *
dcngettext(const char *domain, const char *one, const char *many,
		   unsigned long n, int category)
{
	(void) domain;
	(void) category;
	return (char *) (n == 1 ? one : many);
}

char *
dngettext(const char *domain, const char *one, const char *many,
		  unsigned long n)
{
	return dcngettext(domain, one, many, n, LC_MESSAGES);
}

char *
ngettext(const char *one, const char *many, unsigned long n)
{
	return dcngettext(NULL, one, many, n, LC_MESSAGES);
}

void
freelocale(locale_t locale)
{
	(void) locale;
}
