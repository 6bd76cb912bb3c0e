{{/* Of both charts: whole objects that components may have. All take (dict "root" $ "name" "vtinsert") and what they
name beside it. */}}

{{/* takes (dict "root" $ "name" "vtinsert" "from" selectors); who may reach a component's pods */}}
{{- define "vt.networkPolicy" -}}
{{- $values := get .root.Values .name -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "vt.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "vt.selector" . | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    - ports:
        - port: http
        {{- if $values.otlpGRPCPort }}
        - port: otlpgrpc-tcp
        {{- end }}
      {{- with .from }}
      from:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}

{{- define "vt.scrape" -}}
{{- $values := get .root.Values .name -}}
{{- if $values.vmServiceScrape.useServiceMonitor -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
{{- else -}}
apiVersion: operator.victoriametrics.com/v1beta1
kind: VMServiceScrape
{{- end }}
metadata:
  {{- include "vt.metadata" (merge (dict "labels" $values.vmServiceScrape.extraLabels) .) | nindent 2 }}
spec:
  selector:
    matchLabels:
      {{- include "vt.selector" . | nindent 6 }}
  endpoints:
    - port: http
      path: /metrics
      {{- if .root.Values.tls.secretName }}
      scheme: https
      tlsConfig:
        ca: {secret: {name: {{ .root.Values.tls.secretName }}, key: ca.crt}}
        serverName: {{ include "vt.component" . }}.{{ .root.Release.Namespace }}.svc
      {{- end }}
      interval: {{ $values.vmServiceScrape.interval }}
{{- end -}}

{{/* "path": where a host has none of its own */}}
{{- define "vt.ingress" -}}
{{- $values := get .root.Values .name -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "vt.metadata" (merge (dict "annotations" $values.ingress.annotations) .) | nindent 2 }}
spec:
  {{- with $values.ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with $values.ingress.tls }}
  tls:
    {{- tpl (toYaml .) $.root | nindent 4 }}
  {{- end }}
  rules:
    {{- range $host := $values.ingress.hosts }}
    - host: {{ tpl $host.name $.root | quote }}
      http:
        paths:
          {{- $path := default $.path $host.path }}
          {{- range ternary $path (list $path) (kindIs "slice" $path) }}
          - path: {{ . }}
            pathType: {{ $values.ingress.pathType }}
            backend:
              service: {name: {{ include "vt.component" $ }}, port: {name: http}}
          {{- end }}
    {{- end }}
{{- end -}}

{{- define "vt.volumeClaim" -}}
{{- $volume := (get .root.Values .name).persistentVolume -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ default (printf "%s-volume" .name) $volume.name }}
  {{- with $volume.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $volume.labels }}
  labels:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  accessModes:
    {{- toYaml $volume.accessModes | nindent 4 }}
  {{- with $volume.storageClassName }}
  storageClassName: {{ . }}
  {{- end }}
  resources: {requests: {storage: {{ $volume.size }}}}
{{- end -}}
