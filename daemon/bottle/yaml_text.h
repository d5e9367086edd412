// YamlQuoted: text as a YAML scalar, for the few YAML files that are written.
//
// Nothing that comes from a user is ever written plain: a bare `*.x` is an
// alias, `yes` a bool, `a # b` loses its end (reference: pipelock's own parser,
// measured). So there is one style, double-quoted, in which every byte has one
// meaning for YAML 1.1 and 1.2 parsers alike. Pure, thread-safe.

#ifndef BOTTLED_BOTTLE_YAML_TEXT_H_
#define BOTTLED_BOTTLE_YAML_TEXT_H_

#include <string>
#include <string_view>

namespace bottled {

// Whether YAML can carry it: valid UTF-8 without surrogates.
bool IsYamlText(std::string_view text);

// `text` in double quotes, on one line. Quotes, backslashes, controls, line
// separators, byte order marks and non-characters are escaped; everything else
// stays. Each byte that is not UTF-8 becomes U+FFFD: ask IsYamlText() before
// when that matters.
std::string YamlQuoted(std::string_view text);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_YAML_TEXT_H_
