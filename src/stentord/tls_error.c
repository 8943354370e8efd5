/* What OpenSSL's errors mean for an operator: a reason to close, and a line in the log. */
#include "tls_error.h"

#include <openssl/err.h>

/* Alerts that clients send are errors of the library, from this number on. */
enum { ERROR_ALERT = 1000, ERROR_ALERT_END = 1256 };

static enum close_reason error_of_alert(int alert)
{
    switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
        return CLOSE_TLS_REFUSED;
    case SSL_AD_PROTOCOL_VERSION:
    case SSL_AD_INSUFFICIENT_SECURITY:
        return CLOSE_TLS_UNSUPPORTED;
    default:
        return CLOSE_TLS_ERROR;
    }
}

const char *tls_error_text(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return text != NULL ? text : "it does not say why";
}

enum close_reason tls_error_reason(unsigned long error)
{
    int reason = ERR_GET_REASON(error);

    if (ERR_GET_LIB(error) != ERR_LIB_SSL)
        return CLOSE_TLS_ERROR;
    if (reason >= ERROR_ALERT && reason < ERROR_ALERT_END)
        return error_of_alert(reason - ERROR_ALERT);
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return CLOSE_TLS_HTTP;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
        return CLOSE_TLS_UNSUPPORTED;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return CLOSE_TLS_CERTIFICATE;
    default:
        return CLOSE_TLS_ERROR;
    }
}
