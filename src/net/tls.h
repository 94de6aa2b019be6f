/* tls.h: server side of TLS on a non-blocking socket (OpenSSL 3), hidden from the connection. */
#ifndef LLMMUX_NET_TLS_H
#define LLMMUX_NET_TLS_H

#include <sys/uio.h>

#include "base/error.h"

struct tls_context; /* certificate and settings of one listener */
struct ssl_st;

/* Results of I/O below zero, for plain sockets too. */
enum {
	NET_IO_AGAIN = -1, /* nothing now */
	NET_IO_FAILED = -2
};

/* Loads a PEM certificate chain and its key; TLS 1.2 at least, ALPN h2 and http/1.1. NULL and
 * ERROR_CONFIGURATION naming the file. */
struct tls_context *tls_context_create(
	const char *cert_path, const char *key_path, struct error *error);
/* Accepts NULL. Connections made with it must be gone. */
void tls_context_destroy(struct tls_context *context);

/* NULL when the library has no memory. The descriptor stays the caller's. */
struct ssl_st *tls_create(struct tls_context *context, int fd);
/* Accepts NULL. */
void tls_destroy(struct ssl_st *tls);
/* 0: done; NET_IO_AGAIN (see tls_wants_write); NET_IO_FAILED with `error`. */
int tls_handshake(struct ssl_st *tls, struct error *error);
/* Whether the handshake settled on HTTP/2 (RFC 9113 3.2). */
bool tls_speaks_http2(const struct ssl_st *tls);
/* Whether the operation that said NET_IO_AGAIN waits for room rather than for bytes. */
bool tls_wants_write(const struct ssl_st *tls);
/* Bytes read, 0 at the end of the stream, or NET_IO_*. */
ssize_t tls_read(struct ssl_st *tls, void *to, size_t size);
/* Bytes taken (maybe fewer than offered), or NET_IO_*. After NET_IO_AGAIN offer the same bytes
 * again; more may follow them. */
ssize_t tls_write(struct ssl_st *tls, const struct iovec *iov, int count);
/* Decrypted bytes are held which the socket will not announce. */
bool tls_has_pending(const struct ssl_st *tls);
/* Tells the peer that nothing more follows. */
void tls_shutdown(struct ssl_st *tls);

#endif
