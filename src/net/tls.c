/* tls.c: server side of TLS on a non-blocking socket (OpenSSL 3). */
#include "net/tls.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/mem.h"

struct tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *socket; /* OpenSSL's, but for a write that raises no SIGPIPE */
};

/* One record: small pieces are joined so that a head and a body do not cost a record each. */
#define RECORD_MAX (16 * 1024)

static bool fail(struct error *error, const char *what, const char *path) {
	unsigned long code = ERR_get_error();
	/* A file that cannot be opened is the system's error; the rest has words of OpenSSL's. */
	const char *reason = ERR_SYSTEM_ERROR(code) ? strerrordesc_np(ERR_GET_REASON(code))
						    : ERR_reason_error_string(code);
	ERR_clear_error();
	return error_set_param(error, ERROR_CONFIGURATION, "tls", "%s %s: %s", what, path,
		reason ? reason : "unknown error");
}

static int choose_protocol(SSL *tls, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned in_len, void *data) {
	static const unsigned char ours[] = "\x02h2\x08http/1.1";
	(void)tls;
	(void)data;
	unsigned char *chosen;
	int result = SSL_select_next_proto(
		&chosen, out_len, ours, (unsigned)sizeof ours - 1, in, in_len);
	*out = chosen;
	/* A client that offers only what we do not speak gets an alert (RFC 7301 3.2). */
	return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int quiet_write(BIO *bio, const char *data, int len) {
	int fd = -1;
	BIO_get_fd(bio, &fd);
	BIO_clear_retry_flags(bio);
	ssize_t sent = send(fd, data, (size_t)len, MSG_NOSIGNAL);
	if (sent <= 0 && BIO_sock_should_retry((int)sent)) {
		BIO_set_retry_write(bio);
	}
	return (int)sent;
}

static BIO_METHOD *make_socket_method(void) {
	const BIO_METHOD *base = BIO_s_socket();
	BIO_METHOD *method =
		BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "quiet socket");
	if (method) {
		BIO_meth_set_write(method, quiet_write);
		BIO_meth_set_read(method, BIO_meth_get_read(base));
		BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(base));
		BIO_meth_set_create(method, BIO_meth_get_create(base));
		BIO_meth_set_destroy(method, BIO_meth_get_destroy(base));
	}
	return method;
}

static void configure(SSL_CTX *ssl) {
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* Tickets resume sessions without memory on our side. */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
}

struct tls_context *tls_context_create(
	const char *cert_path, const char *key_path, struct error *error) {
	ERR_clear_error();
	struct tls_context *context = mem_calloc(1, sizeof *context);
	context->ssl = SSL_CTX_new(TLS_server_method());
	context->socket = make_socket_method();
	bool ok = true;
	if (!context->ssl || !context->socket) {
		ok = fail(error, "cannot set up TLS for", cert_path);
	} else if (SSL_CTX_use_certificate_chain_file(context->ssl, cert_path) != 1) {
		ok = fail(error, "cannot load a PEM certificate from", cert_path);
	} else if (SSL_CTX_use_PrivateKey_file(context->ssl, key_path, SSL_FILETYPE_PEM) != 1) {
		ok = fail(error, "cannot load a PEM key from", key_path);
	} else if (SSL_CTX_check_private_key(context->ssl) != 1) {
		ok = fail(error, "the TLS certificate does not fit the key", key_path);
	}
	if (!ok) {
		tls_context_destroy(context);
		return NULL;
	}
	configure(context->ssl);
	return context;
}

void tls_context_destroy(struct tls_context *context) {
	if (context) {
		SSL_CTX_free(context->ssl);
		BIO_meth_free(context->socket);
		free(context);
	}
}

struct ssl_st *tls_create(struct tls_context *context, int fd) {
	SSL *tls = SSL_new(context->ssl);
	BIO *bio = BIO_new(context->socket);
	if (!tls || !bio) {
		SSL_free(tls);
		BIO_free(bio);
		ERR_clear_error();
		return NULL;
	}
	BIO_set_fd(bio, fd, BIO_NOCLOSE);
	SSL_set_bio(tls, bio, bio);
	SSL_set_accept_state(tls);
	return tls;
}

void tls_destroy(struct ssl_st *tls) {
	SSL_free(tls);
}

/* What a result that is no success means; leaves OpenSSL's error queue empty. */
static int io_result(SSL *tls, int result) {
	int code = SSL_get_error(tls, result);
	ERR_clear_error();
	switch (code) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return NET_IO_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		return NET_IO_FAILED;
	}
}

int tls_handshake(struct ssl_st *tls, struct error *error) {
	ERR_clear_error();
	int result = SSL_do_handshake(tls);
	if (result == 1) {
		return 0;
	}
	char reason[256];
	ERR_error_string_n(ERR_peek_error(), reason, sizeof reason);
	if (io_result(tls, result) == NET_IO_AGAIN) {
		return NET_IO_AGAIN;
	}
	error_set(error, ERROR_NETWORK, "TLS handshake failed: %s", reason);
	return NET_IO_FAILED;
}

bool tls_speaks_http2(const struct ssl_st *tls) {
	const unsigned char *chosen;
	unsigned len;
	SSL_get0_alpn_selected(tls, &chosen, &len);
	return len == 2 && memcmp(chosen, "h2", 2) == 0;
}

bool tls_wants_write(const struct ssl_st *tls) {
	return SSL_want_write(tls);
}

ssize_t tls_read(struct ssl_st *tls, void *to, size_t size) {
	size_t count = 0;
	ERR_clear_error();
	if (SSL_read_ex(tls, to, size, &count) == 1) {
		return (ssize_t)count;
	}
	return io_result(tls, 0);
}

ssize_t tls_write(struct ssl_st *tls, const struct iovec *iov, int count) {
	char record[RECORD_MAX];
	ssize_t total = 0;
	size_t skip = 0; /* bytes of iov[0] that went out */
	ERR_clear_error();
	while (count > 0) {
		size_t len = 0;
		for (int i = 0; i < count && len < sizeof record; i++) {
			size_t from = i == 0 ? skip : 0;
			size_t run = iov[i].iov_len - from;
			run = run < sizeof record - len ? run : sizeof record - len;
			memcpy(record + len, (const char *)iov[i].iov_base + from, run);
			len += run;
		}
		size_t written = 0;
		if (len > 0 && SSL_write_ex(tls, record, len, &written) != 1) {
			int result = io_result(tls, 0);
			return total > 0 && result == NET_IO_AGAIN ? total
			       : result == 0                       ? NET_IO_FAILED
								   : result;
		}
		total += (ssize_t)written;
		skip += written;
		while (count > 0 && skip >= iov->iov_len) {
			skip -= iov->iov_len;
			iov++;
			count--;
		}
	}
	return total;
}

bool tls_has_pending(const struct ssl_st *tls) {
	return SSL_pending(tls) > 0;
}

void tls_shutdown(struct ssl_st *tls) {
	if (SSL_is_init_finished(tls)) {
		SSL_shutdown(tls);
	}
	ERR_clear_error();
}
