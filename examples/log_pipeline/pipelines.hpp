// The two pipelines of the program, and what the command line sets of them: main.cpp picks one.
#pragma once

#include <penstock/client.hpp>
#include <penstock/penstock.hpp>

#include <string>
#include <vector>

struct settings {
  std::string logs;  // a site's folder; none: the pipeline takes any file
  std::string packages = "/var/log/dpkg.log";
  std::string input;
  std::string format = "combined";
  penstock::duration out_of_order = std::chrono::seconds{60};
  penstock::duration window = std::chrono::seconds{1};
  penstock::duration grace = std::chrono::seconds{0};
  bool as_is = false;
  bool json = false;
};

/// What neither pipeline keeps of people and their secrets.
inline const penstock::redact::redactor private_parts{
    penstock::redact::email, penstock::redact::ipv4, penstock::redact::ipv6, penstock::redact::card,
    penstock::redact::token};

/// Follows the logs of a web site: parses, redacts, routes, counts and alerts.
penstock::topology build_site(const settings& s);

/// Prints what the site's pipeline has counted as one line of JSON. Gives the exit status.
int sum_up_site(penstock::local_node& node);

/// The names that `settings::format` may have.
std::vector<std::string> formats_of_any_file();

/// Reads the files that `input` names, or standard input, in one of the usual formats.
penstock::topology build_any_file(const settings& s);

/// Prints one line of JSON: {"lines":10000,"parsed":9999,"dead_letters":1,"late":0,"status":{…}}.
/// Gives the exit status.
int sum_up_any_file(const settings& s, penstock::local_node& node);
