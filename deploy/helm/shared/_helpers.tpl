{{/* Of both charts: a link in each of them names this file. */}}

{{/* What names of objects begin with */}}
{{- define "vt.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The templates below take (dict "root" $ "name" "vtinsert") and so on */}}
{{- define "vt.component" -}}
{{- printf "%s-%s" (include "vt.fullname" .root) .name -}}
{{- end -}}

{{- define "vt.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- define "vt.labels" -}}
{{ include "vt.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.global.extraLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* metadata of an object; "suffix" may name a second one of a component */}}
{{- define "vt.metadata" -}}
name: {{ include "vt.component" . }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "vt.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $annotations := merge (dict) (default (dict) .annotations) .root.Values.global.extraAnnotations }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "vt.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "vt.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "vt.image" -}}
{{- $image := (get .root.Values .name).image -}}
{{- $registry := default .root.Values.global.image.registry $image.registry -}}
{{- $tag := default (default .root.Chart.AppVersion ((.root.Values.common).image).tag) $image.tag -}}
{{- if $registry }}{{ $registry }}/{{ end }}{{ $image.repository }}:{{ $tag }}
{{- end -}}

{{/* flags from a map; a list gives the flag several times */}}
{{- define "vt.flags" -}}
{{- range $name, $value := . }}
{{- if kindIs "slice" $value }}
{{- range $value }}
- {{ printf "--%s=%v" $name . | quote }}
{{- end }}
{{- else }}
- {{ printf "--%s=%v" $name $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* what pods of all components share */}}
{{- define "vt.pod" -}}
{{- $values := get .root.Values .name -}}
serviceAccountName: {{ include "vt.serviceAccount" .root }}
automountServiceAccountToken: {{ .root.Values.serviceAccount.automountToken }}
enableServiceLinks: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- /* VictoriaTraces' charts have a key `enabled` in it. */}}
  {{- toYaml (omit $values.podSecurityContext "enabled") | nindent 2 }}
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- tpl (toYaml .) $.root | nindent 2 }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- tpl (toYaml .) $.root | nindent 2 }}
{{- end }}
{{- with $values.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* a probe or hook: httpGet goes over TLS where the listener does */}}
{{- define "vt.overTls" -}}
{{- $handler := deepCopy .handler -}}
{{- if and .root.Values.tls.secretName $handler.httpGet -}}
{{- $handler = mergeOverwrite $handler (dict "httpGet" (merge $handler.httpGet (dict "scheme" "HTTPS"))) -}}
{{- end -}}
{{- toYaml $handler -}}
{{- end -}}

{{/* what secrets are mounted, as (name, secret, path) */}}
{{- define "vt.secretMounts" -}}
{{- with ((.Values).cluster).secretName }}
- {name: cluster-secret, mountPath: /etc/vt/cluster, readOnly: true}
{{- end }}
{{- with .Values.tls.secretName }}
- {name: tls, mountPath: /etc/vt/tls, readOnly: true}
{{- end }}
{{- end -}}

{{- define "vt.secretVolumes" -}}
{{- with ((.Values).cluster).secretName }}
- name: cluster-secret
  secret: {secretName: {{ . }}}
{{- end }}
{{- with .Values.tls.secretName }}
- name: tls
  secret: {secretName: {{ . }}}
{{- end }}
{{- end -}}

{{/* the file with users, of what clients reach */}}
{{- define "vt.authFlag" -}}
{{- if .Values.auth.secretName }}
- "--auth.config=/etc/vt/auth/auth.toml"
{{- end }}
{{- end -}}

{{- define "vt.authMount" -}}
{{- if .Values.auth.secretName }}
- {name: auth, mountPath: /etc/vt/auth, readOnly: true}
{{- end }}
{{- end -}}

{{- define "vt.authVolume" -}}
{{- with .Values.auth.secretName }}
- name: auth
  secret: {secretName: {{ . }}}
{{- end }}
{{- end -}}

{{/* flags of a listener that speaks TLS */}}
{{- define "vt.tlsFlags" -}}
{{- if .Values.tls.secretName }}
- "--tls"
- "--tlsCertFile=/etc/vt/tls/tls.crt"
- "--tlsKeyFile=/etc/vt/tls/tls.key"
{{- end }}
{{- end -}}

{{/* what containers of all components share, behind args */}}
{{- define "vt.container" -}}
{{- $values := get .root.Values .name -}}
image: {{ include "vt.image" . }}
imagePullPolicy: {{ $values.image.pullPolicy }}
securityContext:
  {{- toYaml (omit $values.securityContext "enabled") | nindent 2 }}
{{- with $values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $kind, $probe := $values.probe }}
{{- with $probe }}
{{ $kind }}Probe:
  {{- include "vt.overTls" (dict "root" $.root "handler" .) | nindent 2 }}
{{- end }}
{{- end }}
{{- with $values.lifecycle }}
lifecycle:
  {{- range $when, $handler := . }}
  {{ $when }}:
    {{- include "vt.overTls" (dict "root" $.root "handler" $handler) | nindent 4 }}
  {{- end }}
{{- end }}
resources:
  {{- toYaml $values.resources | nindent 2 }}
{{- end -}}
