// The usual names and what they stand for. Written for RE2: no look-around, so a definition says
// what it takes and not what may stand beside it; repetitions with bounds are kept small, because
// RE2 writes them out.

#include "streams/logs/grok.hpp"

namespace penstock::logs {

namespace {

grok_patterns make_patterns() {
  return {
      // Words, numbers, text
      {"WORD", R"(\b\w+\b)"},
      {"NOTSPACE", R"(\S+)"},
      {"SPACE", R"(\s*)"},
      {"DATA", R"(.*?)"},
      {"GREEDYDATA", R"(.*)"},
      {"INT", R"([+-]?\d+)"},
      {"POSINT", R"(\b[1-9]\d*\b)"},
      {"NONNEGINT", R"(\b\d+\b)"},
      {"BASE10NUM", R"([+-]?(?:\d+(?:\.\d+)?|\.\d+))"},
      {"NUMBER", R"(%{BASE10NUM})"},
      {"BASE16NUM", R"([+-]?(?:0[xX])?[0-9A-Fa-f]+)"},
      {"BASE16FLOAT", R"(\b[+-]?(?:0[xX])?(?:[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]*)?|\.[0-9A-Fa-f]+)\b)"},
      {"BOOL", R"((?i:true|false|yes|no|on|off))"},
      {"QUOTEDSTRING", R"("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)"},
      {"QS", R"(%{QUOTEDSTRING})"},
      {"UUID", R"([0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})"},
      {"URN", R"(urn:[0-9A-Za-z][0-9A-Za-z-]*:[0-9A-Za-z()+,.:=@;$_!*'/?#%-]+)"},
      {"MD5", R"(\b[0-9A-Fa-f]{32}\b)"},
      {"SHA1", R"(\b[0-9A-Fa-f]{40}\b)"},
      {"SHA256", R"(\b[0-9A-Fa-f]{64}\b)"},

      // People
      {"USERNAME", R"([\w.-]+)"},
      {"USER", R"(%{USERNAME})"},
      {"EMAILLOCALPART", R"([\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*)"},
      {"EMAILADDRESS", R"(%{EMAILLOCALPART}@%{HOSTNAME})"},

      // Networks
      {"COMMONMAC", R"((?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})"},
      {"WINDOWSMAC", R"((?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2})"},
      {"CISCOMAC", R"((?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})"},
      {"MAC", R"(%{COMMONMAC}|%{WINDOWSMAC}|%{CISCOMAC})"},
      {"OCTET", R"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"},
      {"IPV4", R"(\b%{OCTET}(?:\.%{OCTET}){3}\b)"},
      {"HEXTET", R"([0-9A-Fa-f]{1,4})"},
      {"DOTTED", R"((?:\d{1,3}\.){3}\d{1,3})"},
      {"IPV6", R"((?:(?:%{HEXTET}:){6}(?:%{HEXTET}:%{HEXTET}|%{DOTTED}))"
               R"(|(?:%{HEXTET}(?::%{HEXTET})*)?::(?:%{HEXTET}:)*(?:%{DOTTED}|%{HEXTET}))"
               R"(|(?:%{HEXTET}(?::%{HEXTET})*)?::)(?:%[0-9A-Za-z_.-]+)?)"},
      {"IP", R"(%{IPV6}|%{IPV4})"},
      {"HOSTNAME", R"(\b[0-9A-Za-z][\w-]*(?:\.[0-9A-Za-z][\w-]*)*\.?)"},
      {"HOST", R"(%{HOSTNAME})"},
      {"IPORHOST", R"(%{IP}|%{HOSTNAME})"},
      {"HOSTPORT", R"((?:\[%{IPV6}\]|%{IPORHOST}):%{POSINT})"},

      // Files and addresses of things
      {"UNIXPATH", R"(/[\w%!$@:.,+~=*#()/-]*)"},
      {"WINPATH", R"((?:[A-Za-z]:|\\)(?:\\[^\\?*<>|:"\s]+)*\\?)"},
      {"PATH", R"(%{UNIXPATH}|%{WINPATH})"},
      {"TTY", R"(/dev/(?:pts|tty)/?\w*)"},
      {"URIPROTO", R"([A-Za-z][A-Za-z0-9+.-]*)"},
      {"URIHOST", R"((?:\[%{IPV6}\]|%{IPORHOST})(?::%{POSINT})?)"},
      {"URIPATH", R"((?:/[\w$.+!*'(){},~:;=@#%&|\[\]-]*)+)"},
      {"URIQUERY", R"([\w$.+!*'|(){},~@#%&/=:;?\-\[\]<>]*)"},
      {"URIPARAM", R"(\?%{URIQUERY})"},
      {"URIPATHPARAM", R"(%{URIPATH}(?:%{URIPARAM})?)"},
      {"URI", R"(%{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?%{URIHOST}?(?:%{URIPATHPARAM})?)"},

      // Times
      {"MONTH",
       R"(\b(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|[Mm]ay|[Jj]une?)"
       R"(|[Jj]uly?|[Aa]ug(?:ust)?|[Ss]ep(?:t(?:ember)?)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?)"
       R"(|[Dd]ec(?:ember)?)\b)"},
      {"MONTHNUM", R"(1[0-2]|0?[1-9])"},
      {"MONTHNUM2", R"(0[1-9]|1[0-2])"},
      {"MONTHDAY", R"(3[01]|[12]\d|0?[1-9])"},
      {"DAY",
       R"(\b(?:Mon(?:day)?|Tue(?:s(?:day)?)?|Wed(?:nesday)?|Thu(?:r(?:s(?:day)?)?)?|Fri(?:day)?)"
       R"(|Sat(?:urday)?|Sun(?:day)?)\b)"},
      {"YEAR", R"(\d\d(?:\d\d)?)"},
      {"HOUR", R"(2[0-4]|[01]?\d)"},
      {"MINUTE", R"([0-5]\d)"},
      {"SECOND", R"((?:60|[0-5]?\d)(?:[:.,]\d+)?)"},
      {"TIME", R"(%{HOUR}:%{MINUTE}(?::%{SECOND})?)"},
      {"DATE_US", R"(%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR})"},
      {"DATE_EU", R"(%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR})"},
      {"DATE", R"(%{DATE_US}|%{DATE_EU})"},
      {"DATESTAMP", R"(%{DATE}[- ]%{TIME})"},
      {"ISO8601_TIMEZONE", R"(Z|[+-]%{HOUR}(?::?%{MINUTE})?)"},
      {"ISO8601_SECOND", R"(%{SECOND})"},
      {"TIMESTAMP_ISO8601", R"(\d{4}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?)"
                            R"((?:%{ISO8601_TIMEZONE})?)"},
      {"TZ", R"([A-Z]{3,5})"},
      {"TZOFFSET", R"([+-]\d{2}:?\d{2})"},
      {"DATESTAMP_RFC822", R"(%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ})"},
      {"DATESTAMP_RFC2822", R"(%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{TZOFFSET})"},
      {"DATESTAMP_OTHER", R"(%{DAY} %{MONTH} +%{MONTHDAY} %{TIME} %{TZ} %{YEAR})"},
      {"DATESTAMP_EVENTLOG", R"(\d{4}(?:%{MONTHNUM2})\d\d\d\d\d\d\d\d)"},
      {"HTTPDATE", R"(%{MONTHDAY}/%{MONTH}/\d{4}:%{TIME} %{TZOFFSET})"},
      {"HTTPDERROR_DATE", R"(%{DAY} %{MONTH} +%{MONTHDAY} %{TIME} %{YEAR})"},
      {"NGINXERROR_DATE", R"(\d{4}/%{MONTHNUM2}/%{MONTHDAY} %{TIME})"},
      {"UNIXTIME", R"(\b\d{9,11}(?:\.\d+)?\b)"},

      // Levels, and what programs write
      {"LOGLEVEL",
       R"((?i:\b(?:trace|debug|verbose|fine(?:r|st)?|notice|info(?:rmation)?|warn(?:ing)?)"
       R"(|err(?:or)?|severe|crit(?:ical)?|alert|fatal|emerg(?:ency)?|panic)\b))"},

      // Syslog
      {"SYSLOGTIMESTAMP", R"(%{MONTH} +%{MONTHDAY} %{TIME})"},
      {"PROG", R"([\x21-\x39\x3b-\x5a\x5c\x5e-\x7e]+)"},
      {"SYSLOGPROG", R"(%{PROG:program}(?:\[%{POSINT:pid}\])?)"},
      {"SYSLOGHOST", R"(%{IPORHOST})"},
      {"SYSLOGFACILITY", R"(<%{NONNEGINT:facility}\.%{NONNEGINT:priority}>)"},
      {"SYSLOGPRI", R"(<%{NONNEGINT:priority}>)"},
      {"SYSLOGBASE",
       R"(%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} )"
       R"(%{SYSLOGPROG}:)"},
      {"SYSLOGLINE", R"(%{SYSLOGBASE} ?%{GREEDYDATA:message})"},
      {"CRON_ACTION", R"([A-Z ]+)"},
      {"CRONLOG", R"(%{SYSLOGBASE} \(%{USER:user}\) %{CRON_ACTION:action} \(%{DATA:message}\)$)"},

      // Web servers
      {"HTTPDUSER", R"(\S+)"},
      {"HTTPDCLIENT", R"([0-9A-Za-z:.%_-]+)"},  // an address or name, by its characters: fast
      {"HTTPDQUOTED", R"((?:[^"\\]|\\.)*)"},
      {"HTTPDREQUEST", R"(%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?)"},
      {"COMMONAPACHELOG",
       R"(%{HTTPDCLIENT:clientip} %{HTTPDUSER:ident} %{HTTPDUSER:auth} \[%{HTTPDATE:timestamp}\] )"
       R"re("(?:%{HTTPDREQUEST}|%{HTTPDQUOTED:rawrequest})" )re"
       R"((?:-|%{INT:response}) (?:-|%{INT:bytes}))"},
      {"COMBINEDAPACHELOG",
       R"(%{COMMONAPACHELOG} "%{HTTPDQUOTED:referrer}" "%{HTTPDQUOTED:agent}")"},
      {"HTTPD_COMMONLOG", R"(%{COMMONAPACHELOG})"},
      {"HTTPD_COMBINEDLOG", R"(%{COMBINEDAPACHELOG})"},
      {"HTTPD_ERRORLOG",
       R"(\[%{HTTPDERROR_DATE:timestamp}\] \[(?:%{WORD:module})?:%{LOGLEVEL:loglevel}\] )"
       R"(\[pid %{POSINT:pid}(?::tid %{NUMBER:tid})?\](?: \[client %{HOSTPORT:client}\])? )"
       R"(%{GREEDYDATA:message})"},
      {"NGINXERRORLOG",
       R"(%{NGINXERROR_DATE:timestamp} \[%{LOGLEVEL:loglevel}\] %{POSINT:pid}#%{NONNEGINT:tid}: )"
       R"((?:\*%{NONNEGINT:connection} )?%{GREEDYDATA:message})"},

      // Java
      {"JAVACLASS", R"((?:[A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*)"},
      {"JAVAFILE", R"([\w$. -]+)"},
      {"JAVAMETHOD", R"(<(?:cl)?init>|[A-Za-z_$][\w$]*)"},
      {"JAVATHREAD", R"([^\]]+)"},
      {"JAVALOGMESSAGE", R"(.*)"},
      {"JAVASTACKTRACEPART", R"(\s*at %{JAVACLASS:class}\.%{JAVAMETHOD:method}\()"
                             R"(%{JAVAFILE:file}(?::%{INT:line})?\))"},
      {"LOG4J",
       R"(%{TIMESTAMP_ISO8601:timestamp} +\[%{JAVATHREAD:thread}\] +%{LOGLEVEL:loglevel} +)"
       R"(%{JAVACLASS:logger} +- +%{GREEDYDATA:message})"},
      {"CATALINA_DATESTAMP", R"(%{MONTH} %{MONTHDAY}, \d{4} %{TIME} (?:AM|PM))"},

      // Others
      {"RUBY_LOGLEVEL", R"(DEBUG|INFO|WARN|ERROR|FATAL|UNKNOWN|ANY)"},
      {"RUBY_LOGGER", R"([DIWEFUA], \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:pid}\] +)"
                      R"(%{RUBY_LOGLEVEL:loglevel} -- +%{DATA:progname}: %{GREEDYDATA:message})"},
      {"REDISTIMESTAMP", R"(%{MONTHDAY} %{MONTH} %{TIME})"},
      {"REDISLOG", R"(\[%{POSINT:pid}\] %{REDISTIMESTAMP:timestamp} [*#.-] %{GREEDYDATA:message})"},
      {"POSTGRESQL", R"(%{TIMESTAMP_ISO8601:timestamp} %{TZ} \[%{POSINT:pid}\] )"
                     R"((?:%{USER:user}@%{WORD:database} )?)"
                     R"(%{WORD:loglevel}: +%{GREEDYDATA:message})"},
  };
}

}  // namespace

const grok_patterns& usual_grok_patterns() {
  static const grok_patterns all = make_patterns();
  return all;
}

}  // namespace penstock::logs
