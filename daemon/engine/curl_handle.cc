#include "engine/curl_handle.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "engine/address.h"
#include "engine/errors.h"

namespace bottled {
namespace {

// curl_global_init() must come first and once; static initialisation of a
// local makes both true in any number of threads.
bool InitCurl() {
  static const bool ok = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ok;
}

bool FileExists(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

std::string ErrnoText(long errnum) {
  return std::generic_category().message(static_cast<int>(errnum));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CurlHandle>> CurlHandle::Create(
    const EngineEndpoint& endpoint, const std::string& target,
    std::chrono::milliseconds connect_timeout,
    const std::vector<std::string>& fields) {
  if (!InitCurl()) {
    return absl::InternalError("libcurl cannot be initialised");
  }
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor.
  std::unique_ptr<CurlHandle> handle(new CurlHandle(endpoint));
  handle->easy_.reset(curl_easy_init());
  if (handle->easy_ == nullptr) {
    return absl::InternalError("libcurl gives no handle");
  }
  RETURN_IF_ERROR(handle->SetUp(target, connect_timeout, fields));
  return handle;
}

absl::Status CurlHandle::SetUp(const std::string& target,
                               std::chrono::milliseconds connect_timeout,
                               const std::vector<std::string>& fields) {
  ASSIGN_OR_RETURN(const EngineAddress address, SplitEngineAddress(endpoint_));
  CURL* easy = easy_.get();
  connect_timeout_ = connect_timeout;
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  // The environment of the daemon must not decide where an engine is.
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "bottled");
  RETURN_IF_ERROR(AddField("Connection: close"));
  // Without a value they are left out. libcurl would wait for an engine's leave
  // before it sends a body, and call that body a form.
  RETURN_IF_ERROR(AddField("Expect:"));
  RETURN_IF_ERROR(AddField("Content-Type:"));
  for (const std::string& field : fields) {
    RETURN_IF_ERROR(AddField(field.c_str()));
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());

  std::string base;
  switch (address.kind) {
    case EngineAddress::Kind::kUnix:
      curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, address.path.c_str());
      base = "http://localhost";
      break;
    case EngineAddress::Kind::kTcp: {
      const bool tls = !endpoint_.tls_dir.empty();
      if (tls) {
        RETURN_IF_ERROR(SetUpTls());
      }
      base = (tls ? "https://" : "http://") + address.Authority();
      break;
    }
    case EngineAddress::Kind::kSsh: {
      ASSIGN_OR_RETURN(ssh_, SshDial::Create(address, connect_timeout));
      curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH,
                       ssh_->socket_path().c_str());
      curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &BeforeRequest);
      curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
      base = "http://localhost";
      break;
    }
  }
  if (curl_easy_setopt(easy, CURLOPT_URL, (base + target).c_str()) !=
      CURLE_OK) {
    return absl::InternalError("libcurl refuses the URL");
  }
  return absl::OkStatus();
}

absl::Status CurlHandle::AddField(const char* field) {
  curl_slist* const list = curl_slist_append(headers_.get(), field);
  if (list == nullptr) {
    return absl::ResourceExhaustedError("libcurl ran out of memory");
  }
  // Of a list that has elements the head stays what it was.
  if (headers_ == nullptr) {
    headers_.reset(list);
  }
  return absl::OkStatus();
}

absl::Status CurlHandle::SetUpTls() {
  CURL* easy = easy_.get();
  const std::filesystem::path dir = endpoint_.tls_dir;
  if (!FileExists(dir)) {
    return EngineUnreachable(endpoint_, "there is no " + dir.native());
  }
  if (FileExists(dir / "cert.pem") && !FileExists(dir / "key.pem")) {
    return EngineUnreachable(
        endpoint_, "cert.pem has no key.pem beside it in " + dir.native());
  }
  curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                   static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  // Each file may be missing: a context can hold just a CA, or nothing.
  if (FileExists(dir / "ca.pem")) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, (dir / "ca.pem").c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (FileExists(dir / "cert.pem")) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, (dir / "cert.pem").c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, (dir / "key.pem").c_str());
  }
  const bool verify = !endpoint_.skip_tls_verify;
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  return absl::OkStatus();
}

int CurlHandle::BeforeRequest(void* self, char*, char*, int, int) {
  auto* handle = static_cast<CurlHandle*>(self);
  handle->ssh_status_ = handle->ssh_->Launch();
  return handle->ssh_status_.ok() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

std::string CurlHandle::Explain(CURLcode code) {
  if (!ssh_status_.ok()) {
    return std::string(ssh_status_.message());
  }
  if (ssh_ != nullptr) {
    const std::string text = SshErrorText(ssh_->ErrorOutput());
    if (!text.empty()) {
      return text.starts_with("ssh: ") ? text : "ssh: " + text;
    }
  }
  if (code == CURLE_GOT_NOTHING) {
    return "the connection was closed without an answer";
  }
  const std::string text =
      error_[0] != '\0' ? std::string(error_) : curl_easy_strerror(code);
  // libcurl's own words for a peer that is gone before it looked at the name.
  if (!endpoint_.tls_dir.empty() &&
      text.find("getpeername") != std::string::npos) {
    return "it hung up during the TLS handshake; perhaps it does not accept "
           "cert.pem";
  }
  return text;
}

absl::Status CurlHandle::ConnectError(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return EngineTimeout(endpoint_, connect_timeout_);
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return EngineError(endpoint_, 0,
                         "the answer is not HTTP: " + Explain(code));
    case CURLE_OUT_OF_MEMORY:
      return absl::ResourceExhaustedError("libcurl ran out of memory");
    case CURLE_COULDNT_CONNECT: {
      long errnum = 0;
      curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &errnum);
      if (errnum == EACCES || errnum == EPERM) {
        return EnginePermissionDenied(endpoint_);
      }
      return EngineUnreachable(endpoint_,
                               errnum == 0 ? Explain(code) : ErrnoText(errnum));
    }
    default:
      return EngineUnreachable(endpoint_, Explain(code));
  }
}

}  // namespace bottled
