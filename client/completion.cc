#include "client/completion.h"

#include <vector>

#include "CLI/CLI.hpp"
#include "fmt/format.h"

namespace bottled::client {
namespace {

struct Node {
  // "", "pack", "cache ls" …
  std::string path;
  // What may follow: commands and flags, with spaces between.
  std::string words;
};

void AddFlags(const CLI::App& app, bool help, std::string& words) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      words += help || name != "help" ? " --" + name : "";
    }
  }
}

void Collect(const CLI::App& app, const CLI::App& top, const std::string& path,
             std::vector<Node>& nodes) {
  Node node = {.path = path, .words = ""};
  const std::vector<const CLI::App*> children =
      app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) {
    node.words += (node.words.empty() ? "" : " ") + child->get_name();
  }
  AddFlags(app, true, node.words);
  if (&app != &top) {
    AddFlags(top, false, node.words);
  }
  nodes.push_back(std::move(node));
  for (const CLI::App* child : children) {
    Collect(*child, top, path + (path.empty() ? "" : " ") + child->get_name(),
            nodes);
  }
}

// The quoted paths of all commands with `separator` between.
std::string Paths(const std::vector<Node>& nodes, std::string_view separator) {
  std::string out;
  for (const Node& node : nodes) {
    if (!node.path.empty()) {
      out += fmt::format("{}\"{}\"", out.empty() ? "" : separator, node.path);
    }
  }
  return out;
}

// `case` of bash and zsh: which command the words so far name, and what it
// offers.
std::string Cases(const std::vector<Node>& nodes) {
  std::string out = fmt::format(
      "    next=\"${{cmd:+$cmd }}$word\"\n"
      "    case \"$next\" in {}) cmd=\"$next\" ;; esac\n"
      "  done\n"
      "  case \"$cmd\" in\n",
      Paths(nodes, "|"));
  for (const Node& node : nodes) {
    out += fmt::format("    \"{}\") offer=\"{}\" ;;\n", node.path, node.words);
  }
  return out + "  esac\n";
}

std::string Bash(const std::vector<Node>& nodes) {
  return R"(_bottlectl() {
  local cmd="" next="" offer="" word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
)" + Cases(nodes) +
         R"(  COMPREPLY=($(compgen -W "$offer" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _bottlectl bottlectl
)";
}

std::string Zsh(const std::vector<Node>& nodes) {
  return R"(#compdef bottlectl
_bottlectl() {
  local cmd="" next="" offer="" word
  for word in "${(@)words[2,CURRENT-1]}"; do
)" + Cases(nodes) +
         R"(  compadd -- ${=offer}
  _files
}
if [ "$funcstack[1]" = "_bottlectl" ]; then
  _bottlectl "$@"
else
  compdef _bottlectl bottlectl
fi
)";
}

std::string Fish(const std::vector<Node>& nodes) {
  std::string out = fmt::format(
      R"(function __bottlectl_words
  set -l cmd ""
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$cmd $word")
    switch "$next"
      case {}
        set cmd "$next"
    end
  end
  switch "$cmd"
)",
      Paths(nodes, " "));
  for (const Node& node : nodes) {
    out += fmt::format("    case \"{}\"\n      string split \" \" -- \"{}\"\n",
                       node.path, node.words);
  }
  return out + "  end\nend\ncomplete -c bottlectl -a \"(__bottlectl_words)\"\n";
}

}  // namespace

std::string FormatCompletion(std::string_view shell, const CLI::App& app) {
  std::vector<Node> nodes;
  Collect(app, app, "", nodes);
  if (shell == "zsh") {
    return Zsh(nodes);
  }
  return shell == "fish" ? Fish(nodes) : Bash(nodes);
}

}  // namespace bottled::client
