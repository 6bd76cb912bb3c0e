{{/* host of all storage nodes: the headless service */}}
{{- define "vt.storage.host" -}}
{{- $component := include "vt.component" (dict "root" . "name" "vtstorage") -}}
{{- printf "%s.%s.svc.%s" $component .Release.Namespace .Values.global.cluster.dnsDomain -}}
{{- end -}}

{{- define "vt.storage.addr" -}}
{{- printf "%s:%v" (include "vt.storage.host" .) .Values.vtstorage.service.servicePort -}}
{{- end -}}
